// The table of `podium bench sync`: what follows from the measurements. Nothing is timed.
#include "bench/sync_table.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace podium::bench {
namespace {

SyncMeasurement measured(double images_per_s, std::vector<uint64_t> staleness = {}) {
  SyncMeasurement one;
  one.images_per_s = images_per_s;
  one.accuracy = 0.9;
  one.steps = 10;
  one.trainers = 2;
  one.bytes_sent = 400;
  one.bytes_received = 800;
  one.bytes_saved = 40;
  one.staleness = std::move(staleness);
  return one;
}

SyncRow row(const char* model, const char* sync, const std::vector<SyncMeasurement>& all) {
  SyncRow row;
  row.model = model;
  row.sync = sync;
  for (const SyncMeasurement& one : all) row.add(one);
  return row;
}

TEST(SyncTableTest, BytesAreOfAStepAndATrainerOverAllRepetitions) {
  const SyncRow two = row("cnn", "asp", {measured(100), measured(120)});
  EXPECT_DOUBLE_EQ(two.sent_bytes(), 20);
  EXPECT_DOUBLE_EQ(two.received_bytes(), 40);
  EXPECT_DOUBLE_EQ(two.saved_bytes(), 2);
  EXPECT_DOUBLE_EQ(two.images_per_s.median(), 110);
}

TEST(SyncTableTest, StalenessIsCountedOverAllRepetitions) {
  const SyncRow two = row("cnn", "asp", {measured(1, {90, 8}), measured(1, {0, 0, 1, 1})});
  EXPECT_EQ(two.sum.staleness, (std::vector<uint64_t>{90, 8, 1, 1}));
  EXPECT_DOUBLE_EQ(two.mean_staleness(), 0.13);
  EXPECT_EQ(two.staleness_quantile(0.5), 0U);
  EXPECT_EQ(two.staleness_quantile(0.98), 1U);
  EXPECT_EQ(two.staleness_quantile(0.99), 2U);
  EXPECT_EQ(two.staleness_quantile(1), 3U);
  EXPECT_EQ(row("cnn", "allreduce", {measured(1)}).staleness_quantile(1), 0U);
}

TEST(SyncTableTest, TheTextHasAHistogramOfThoseThatPull) {
  const SyncRow alone = row("cnn", "allreduce", {measured(100)});
  const std::string without = to_text({alone});
  EXPECT_EQ(without.find("pulls"), std::string::npos) << without;
  const std::string text =
      to_text({alone, row("cnn", "asp", {measured(50, {5, 0, 0, 0, 0, 0, 0, 0, 3, 2})})});
  EXPECT_NE(text.find("  50.00   0.00   0.00   0.00   0.00   0.00   0.00  50.00\n"),
            std::string::npos)
      << text;
}

TEST(SyncTableTest, RatiosAreToTheSameModelsAllReduce) {
  const auto rows =
      to_json({row("dense", "allreduce", {measured(100)}), row("dense", "asp", {measured(150)}),
               row("cnn", "asp", {measured(30)})});
  EXPECT_EQ(rows.at(0).at("ratio"), 1.0);
  EXPECT_EQ(rows.at(1).at("ratio"), 1.5);
  EXPECT_EQ(rows.at(1).at("theirs"), 100.0);
  EXPECT_TRUE(rows.at(2).at("ratio").is_null()) << "nobody measured its AllReduce";
  EXPECT_EQ(rows.at(1).at("what"), "dense by asp");
}

TEST(SyncTableTest, ARingSendsEachValueAlmostTwice) {
  EXPECT_DOUBLE_EQ(ring_bytes(1000, 2), 4000);
  EXPECT_DOUBLE_EQ(ring_bytes(1000, 4), 6000);
  EXPECT_DOUBLE_EQ(ring_bytes(1000, 1), 0);
}

}  // namespace
}  // namespace podium::bench
