// What benchmarks are made of: medians in turns, tables, peers. No timing is asserted.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/io_bench.hpp"
#include "bench/peer.hpp"
#include "bench/samples.hpp"
#include "bench/table.hpp"
#include "core/error.hpp"
#include "temporary_folder.hpp"

namespace podium::bench {
namespace {

TEST(SamplesTest, MedianAndSpreadOfOddAndEvenCounts) {
  Samples samples;
  EXPECT_THROW(samples.median(), Error);
  for (const double value : {9.0, 1.0, 4.0}) samples.add(value);
  EXPECT_EQ(samples.median(), 4.0);
  EXPECT_EQ(samples.spread(), 2.0);
  samples.add(5.0);
  EXPECT_EQ(samples.median(), 4.5);
}

TEST(SamplesTest, CandidatesTakeTurns) {
  std::string turns;
  const std::vector<Samples> samples = alternate(3, {[&] {
                                                       turns += 'a';
                                                       return 1.0;
                                                     },
                                                     [&] {
                                                       turns += 'b';
                                                       return 2.0;
                                                     }});
  EXPECT_EQ(turns, "ababab");
  EXPECT_EQ(samples[1].median(), 2.0);
}

TEST(TableTest, ColumnsLineUpAndMissingValuesShow) {
  Row full{"a long name of a thing", "GB/s", 12.5, 0.1};
  full.theirs = 10.0;
  full.ratio = 1.25;
  full.limit = 20.0;
  full.note = "why";
  const std::string text = to_text({full, {"short", "s", 0.001}});
  EXPECT_NE(text.find("1.250"), std::string::npos) << text;
  const size_t second = text.find('\n') + 1;
  const size_t third = text.find('\n', second) + 1;
  EXPECT_EQ(text.find("GB/s") - second, text.find(" s ", third) + 1 - third) << text;
  const nlohmann::ordered_json json = to_json({full, {"short", "s", 0.001}});
  EXPECT_EQ(json[0]["ratio"], 1.25);
  EXPECT_FALSE(json[1].contains("theirs"));
}

TEST(PeerTest, GivesTheJsonOfTheLastLine) {
  EXPECT_EQ(run_peer({"sh", "-c", "echo noise; echo '{\"seconds\": 2}'"})["seconds"], 2);
}

TEST(PeerTest, SaysWhenItCannotBeHad) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"no-such-program"},
                                                  {"sh", "-c", "echo '{}'; exit 3"},
                                                  {"sh", "-c", "echo no json"},
                                                  {"true"}}) {
    try {
      run_peer(command);
      ADD_FAILURE() << command.front();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable) << error.what();
    }
  }
  EXPECT_EQ(python_with("no_such_module_of_python"), "");
}

TEST(PeerTest, RunsWithoutTheEnvironmentOfALauncher) {
  setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  const auto result = run_peer({"sh", "-c", "echo \"{\\\"size\\\": ${OMPI_COMM_WORLD_SIZE:-0}}\""});
  unsetenv("OMPI_COMM_WORLD_SIZE");
  EXPECT_EQ(result["size"], 0);
}

// The order of the policies does not depend on the machine.
TEST(HitRates, PinReachesTheLimitAndLruHitsNothingInARepeatedScan) {
  const std::vector<Row> rows = bench_hit_rates();
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0].ours, *rows[0].limit);
  EXPECT_EQ(rows[1].ours, 0.0);
  EXPECT_EQ(rows[3].ours, *rows[3].limit);
  for (const Row& row : rows) EXPECT_LE(row.ours, *row.limit) << row.what;
}

TEST(IngestBench, MeasuresAlsoWithoutAPeer) {
  const test::TemporaryFolder folder;
  IoBenchOptions options;
  options.source = "synthetic:2000,8,8,1,4";
  options.folder = folder.path();
  options.scripts = folder.path();
  options.repetitions = 1;
  options.log = Log(LogLevel::error, "test");
  const std::vector<Row> rows = bench_ingest(options);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_GT(rows[0].ours, 0.0);
  EXPECT_FALSE(rows[0].theirs);
  EXPECT_NE(rows[0].note.find("theirs: needs"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "the scratch cache is gone";
}

}  // namespace
}  // namespace podium::bench
