// `podium bench ps` as users start it: a server process of its own, both ways, every operation.
#include <gtest/gtest.h>

#include "app/process.hpp"

namespace podium::test {
namespace {

TEST(PsBenchRun, MeasuresEveryOperationBothWays) {
  Process job({PODIUM_EXECUTABLE, "bench", "ps", "--bench.max_bytes=64KiB", "--bench.seconds=0.002",
               "--bench.repetitions=1", "--bench.scripts=/nowhere"});
  ASSERT_EQ(job.wait(), 0) << job.err();
  const nlohmann::json result = job.result();
  EXPECT_EQ(result["what"], "ps");
  const nlohmann::json& rows = result["rows"];
  EXPECT_EQ(rows.size(), 2U * 3U * 3U * 2U);  // ways, operations, sizes, one and several under way
  for (const nlohmann::json& row : rows) {
    EXPECT_GT(row["ours"].get<double>(), 0) << row;
    EXPECT_GE(row["p99_us"].get<double>(), row["p50_us"].get<double>()) << row;
  }
}

TEST(PsBenchRun, SizesThatCannotBeMeasuredAreRefused) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--bench.min_bytes=2MiB", "--bench.max_bytes=1MiB"}, "is larger than the largest"},
      {{"--bench.min_bytes=1", "--bench.max_bytes=1"}, "no size that is measured"}};
  for (const auto& [sizes, says] : cases) {
    std::vector<std::string> command = {PODIUM_EXECUTABLE, "bench", "ps"};
    command.insert(command.end(), sizes.begin(), sizes.end());
    Process job(command);
    EXPECT_EQ(job.wait(), 2) << job.err();
    EXPECT_NE(job.last_words().find(says), std::string::npos) << job.last_words();
  }
}

}  // namespace
}  // namespace podium::test
