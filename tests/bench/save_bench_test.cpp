// The rows of `bench save`. No timing is asserted.
#include "bench/save_bench.hpp"

#include <gtest/gtest.h>

#include "bench/scratch_cache.hpp"
#include "core/error.hpp"
#include "temporary_folder.hpp"

namespace podium::bench {
namespace {

namespace fs = std::filesystem;

TEST(SaveBench, ComparesEachModelWithAndWithoutCheckpointsAndLeavesNothing) {
  const test::TemporaryFolder folder;
  const Log quiet(LogLevel::error, "test");
  const ScratchCache cache(folder.path(), "synthetic:700,8,8,1,4", quiet);
  const io::Dataset dataset = io::Dataset::open(cache.path());
  SaveBenchOptions options;
  options.models.push_back(
      {.name = "small", .architecture = "conv 4 3; bn; relu; gap; dense classes", .batch = 64});
  options.models.push_back({.name = "other", .architecture = "dense classes", .batch = 64});
  options.every = {ckpt::Interval::Unit::steps, 3};
  options.folder = folder.path() / "scratch";
  options.repetitions = 2;
  options.seconds = 0.05;
  options.log = quiet;
  const std::vector<Row> rows = bench_save(dataset, options);
  ASSERT_EQ(rows.size(), 2U);
  for (const Row& row : rows) {
    EXPECT_GT(row.ours, 0) << row.what;
    EXPECT_GT(row.theirs.value(), 0) << row.what;
    EXPECT_NE(row.note.find("checkpoints of"), std::string::npos) << row.note;
  }
  EXPECT_TRUE(fs::is_empty(options.folder));

  options.every = {};
  EXPECT_THROW(bench_save(dataset, options), Error);
}

}  // namespace
}  // namespace podium::bench
