// The rows of `bench nn`: what is measured, and which limit it is held against. No timing is
// asserted.
#include <gtest/gtest.h>

#include "bench/bench_model.hpp"
#include "bench/epoch_training.hpp"
#include "bench/nn_bench.hpp"
#include "bench/scratch_cache.hpp"
#include "core/error.hpp"
#include "temporary_folder.hpp"

namespace podium::bench {
namespace {

constexpr const char* architecture = "conv 4 3; relu; gap; dense classes";

class NnBenchTest : public testing::Test {
 protected:
  NnBenchTest()
      : cache_(folder_.path(), "synthetic:700,8,8,1,4", quiet()),
        dataset_(io::Dataset::open(cache_.path())) {
    options_.models.push_back({.name = "small", .architecture = architecture});
    options_.threads = {1};
    options_.batches = {64};
    options_.predict_batches = {1, 32};
    options_.peak = false;
    options_.repetitions = 2;
    options_.seconds = 0.01;
    options_.log = quiet();
  }

  static Log quiet() { return {LogLevel::error, "test"}; }

  test::TemporaryFolder folder_;
  ScratchCache cache_;
  io::Dataset dataset_;
  NnBenchOptions options_;
};

TEST_F(NnBenchTest, HasARowForEachModelThreadCountAndBatch) {
  options_.threads = {1, 2};
  options_.models.push_back({.name = "other", .architecture = "dense 8; relu; dense classes"});
  const std::vector<Row> rows = bench_nn(dataset_, options_);
  std::vector<std::string> names;
  for (const Row& row : rows) {
    names.push_back(row.what);
    EXPECT_GT(row.ours, 0) << row.what;
    EXPECT_FALSE(row.limit) << row.what;
  }
  const std::vector<std::string> expected = {
      "train small, batch 64, 1 thread",   "predict small, batch 1, 1 thread",
      "predict small, batch 32, 1 thread", "train small, batch 64, 2 threads",
      "predict small, batch 1, 2 threads", "predict small, batch 32, 2 threads",
      "train other, batch 64, 1 thread",   "predict other, batch 1, 1 thread",
      "predict other, batch 32, 1 thread", "train other, batch 64, 2 threads",
      "predict other, batch 1, 2 threads", "predict other, batch 32, 2 threads"};
  EXPECT_EQ(names, expected);
}

TEST_F(NnBenchTest, LimitsComeFromThePeakAndTheCountedFlops) {
  options_.predict_batches = {1};
  const std::vector<Row> rows = bench_nn(dataset_, options_);
  options_.peak = true;
  const std::vector<Row> with_peak = bench_nn(dataset_, options_);
  ASSERT_EQ(with_peak.size(), rows.size() + 1);
  EXPECT_EQ(with_peak[0].what, "FLOP peak, 1 thread");
  const double peak = with_peak[0].ours * 1e9;
  EXPECT_GT(peak, 0);
  const double flops = 2.0 * 8 * 8 * 4 * 9 + 2.0 * 4 * 4;  // the convolution, and the dense layer
  EXPECT_DOUBLE_EQ(with_peak[1].limit.value(), peak / (3 * flops));
  EXPECT_DOUBLE_EQ(with_peak[2].limit.value(), peak / flops);
  EXPECT_EQ(rows[0].note, "13920 FLOPs an image");
  EXPECT_EQ(rows[1].note, "4640 FLOPs an image");
}

TEST_F(NnBenchTest, ABatchMayTakeAllRecordsButNotMore) {
  const int records = static_cast<int>(dataset_.size(io::Split::train));
  options_.predict_batches.clear();
  options_.batches = {records};
  EXPECT_EQ(bench_nn(dataset_, options_).size(), 1U);
  options_.batches = {records + 1};
  EXPECT_THROW(bench_nn(dataset_, options_), Error);
  options_.batches.clear();
  options_.predict_batches = {records + 1};
  EXPECT_THROW(bench_nn(dataset_, options_), Error);
}

TEST_F(NnBenchTest, WholeEpochsArePacedByTheEngineOfTraining) {
  EpochTraining training(dataset_, options_.models.front(), {}, 64, quiet());
  EXPECT_GT(training.pace(0.01), 0);
  EXPECT_EQ(training.flops_per_image(), 4640);
}

}  // namespace
}  // namespace podium::bench
