#include "io/cache/ingest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/clock.hpp"
#include "io/cache/manifest.hpp"
#include "io/data_files.hpp"
#include "io/ingest_fixture.hpp"
#include "io/loader/dataset.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::read_split;
using test::thrown_by;
using test::TinySet;

TEST_F(IngestTest, CacheHoldsTheSourceSplitBySeed) {
  const std::filesystem::path cache = test::build_cache(options(), 1);
  const Dataset dataset = Dataset::open(cache);
  const DatasetInfo& info = dataset.info();
  EXPECT_EQ(info.name, "data");
  EXPECT_EQ(info.digest.size(), 16u);
  EXPECT_EQ(info.counts, (std::array<size_t, 3>{2100, 400, 300}));
  EXPECT_EQ(info.classes, 10u);

  // Every record of the train part is in exactly one of the two splits, in its order.
  const Manifest manifest = read_manifest(cache / manifest_file);
  const auto train = read_split(dataset, Split::train);
  const auto validation = read_split(dataset, Split::validation);
  const Bytes pixels = test::test_images(0, set_.train, 20);
  const Bytes labels = test::test_labels(set_.train, set_.classes);
  size_t next_train = 0;
  size_t next_validation = 0;
  for (uint32_t record = 0; record < set_.train; ++record) {
    const bool held_out =
        std::binary_search(manifest.validation.begin(), manifest.validation.end(), record);
    const auto& split = held_out ? validation : train;
    size_t& next = held_out ? next_validation : next_train;
    ASSERT_EQ(split.labels[next], labels[record]);
    ASSERT_TRUE(std::equal(split.images.begin() + static_cast<long>(next * 20),
                           split.images.begin() + static_cast<long>((next + 1) * 20),
                           pixels.begin() + record * 20));
    ++next;
  }
  EXPECT_EQ(read_split(dataset, Split::test).images, test::test_images(1, set_.test, 20));
}

TEST_F(IngestTest, StatisticsAreThoseOfTheTrainSplit) {
  const Dataset dataset = Dataset::open(test::build_cache(options(), 2));
  const auto train = read_split(dataset, Split::train);
  double sum = 0.0;
  double square_sum = 0.0;
  for (const uint8_t pixel : train.images) {
    sum += pixel / 255.0;
    square_sum += pixel / 255.0 * pixel / 255.0;
  }
  const double count = static_cast<double>(train.images.size());
  const double mean = sum / count;
  ASSERT_EQ(dataset.info().mean.size(), 1u);
  EXPECT_NEAR(dataset.info().mean[0], mean, 1e-9);
  EXPECT_NEAR(dataset.info().stddev[0], std::sqrt(square_sum / count - mean * mean), 1e-9);
}

TEST_F(IngestTest, AnyNumberOfRanksGivesTheSameData) {
  const Dataset one = Dataset::open(test::build_cache(options("one"), 1));
  for (const uint64_t ranks : {2, 3, 7}) {
    const Dataset many =
        Dataset::open(test::build_cache(options("many" + std::to_string(ranks)), ranks));
    for (const Split split : {Split::train, Split::validation, Split::test}) {
      EXPECT_EQ(read_split(many, split).images, read_split(one, split).images) << ranks;
      EXPECT_EQ(read_split(many, split).labels, read_split(one, split).labels) << ranks;
    }
    EXPECT_EQ(many.info().mean, one.info().mean);
    EXPECT_EQ(many.info().stddev, one.info().stddev);
  }
}

TEST_F(IngestTest, MoreRanksThanRecordsLeaveSomeWithout) {
  IngestOptions tiny = options();
  tiny.source = "synthetic:12,4,4,1,3";
  tiny.validation_records = 2;
  const Dataset dataset = Dataset::open(test::build_cache(tiny, 8));
  EXPECT_EQ(dataset.info().counts, (std::array<size_t, 3>{10, 2, 3}));
  EXPECT_EQ(read_split(dataset, Split::test).labels, (Bytes{0, 1, 2}));
}

TEST_F(IngestTest, ColourStatisticsArePerChannel) {
  IngestOptions colour = options();
  colour.source = "synthetic:300,6,5,3,4";
  colour.validation_records = 50;
  const Dataset dataset = Dataset::open(test::build_cache(colour, 2));
  const auto train = read_split(dataset, Split::train);
  ASSERT_EQ(dataset.info().mean.size(), 3u);
  for (size_t channel = 0; channel < 3; ++channel) {
    double sum = 0.0;
    for (size_t i = channel; i < train.images.size(); i += 3) sum += train.images[i] / 255.0;
    EXPECT_NEAR(dataset.info().mean[channel], sum / (250 * 30), 1e-9);
  }
}

TEST_F(IngestTest, ReusesACurrentCacheAndSaysWhy) {
  test::build_cache(options(), 2);
  const Decision decision = Ingest(options()).decide();
  EXPECT_TRUE(decision.reuse);
  EXPECT_EQ(decision.records, 2800u);
  EXPECT_EQ(decision.bytes, 2800u * 20);
  for (const char* text : {"is current", "digest", "2800 records", "built 20"}) {
    EXPECT_NE(decision.reason.find(text), std::string::npos) << decision.reason;
  }
}

// Another split is another cache: jobs with different splits never share a folder.
TEST_F(IngestTest, RebuildsForItsReasonAlone) {
  const std::filesystem::path cache = test::build_cache(options(), 2);
  const auto reason_of = [](const IngestOptions& changed) {
    const Decision decision = Ingest(changed).decide();
    EXPECT_FALSE(decision.reuse);
    return decision.reason;
  };
  IngestOptions changed = options();
  changed.split_seed = 8;
  EXPECT_NE(reason_of(changed).find("no cache of this source"), std::string::npos);
  EXPECT_NE(Ingest(changed).decide().path, cache);
  changed = options();
  changed.validation_records = 401;
  EXPECT_NE(reason_of(changed).find("no cache of this source"), std::string::npos);
  EXPECT_NE(Ingest(changed).decide().path, cache);
  changed = options();
  changed.memo.mode = MemoMode::never;
  EXPECT_NE(reason_of(changed).find("asked for"), std::string::npos);
  EXPECT_TRUE(Ingest(options()).decide().reuse);

  test::write_idx_folder(folder_.path() / "data", {2500, 301, 5, 4, 10}, true);
  EXPECT_NE(reason_of(options()).find("the source's content has changed"), std::string::npos);
}

TEST_F(IngestTest, RebuildWithOtherRanksLeavesNoOldShards) {
  const auto path = test::build_cache(options(), 3);
  IngestOptions forced = options();
  forced.memo.mode = MemoMode::never;
  EXPECT_EQ(test::build_cache(forced, 1), path);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    files.insert(entry.path().filename().string());
  }
  std::set<std::string> expected{manifest_file, memo_file};
  for (const ShardEntry& shard : read_manifest(path / manifest_file).shards) {
    expected.insert(shard.file);
  }
  EXPECT_EQ(files, expected);
  EXPECT_EQ(files.size(), 4u);
}

TEST_F(IngestTest, DiskAndMemoryGiveTheSameInAnyOrder) {
  const auto path = test::build_cache(options(), 2);  // shards of 1,250 records: two chunks each
  const Dataset memory = Dataset::open(path);
  std::vector<uint32_t> records(2100);
  for (uint32_t i = 0; i < records.size(); ++i) records[i] = i * 1009 % 2100;
  Bytes expected(records.size() * 20);
  Bytes labels(records.size());
  memory.gather(Split::train, records, expected, labels);
  for (const uint64_t memory_bytes : {uint64_t{0}, uint64_t{3000}, uint64_t{30000}}) {
    const Dataset disk = Dataset::open(path, {.memory_bytes = memory_bytes});
    Bytes found(expected.size());
    disk.gather(Split::train, records, found, labels);
    EXPECT_EQ(found, expected) << memory_bytes;
  }
}

TEST_F(IngestTest, AnOpenDatasetOutlivesARebuild) {
  const Dataset from_disk = Dataset::open(test::build_cache(options(), 3), {.memory_bytes = 0});
  EXPECT_EQ(from_disk.resident_bytes(), 0u);
  const auto before = read_split(from_disk, Split::train);
  IngestOptions forced = options();
  forced.memo.mode = MemoMode::never;
  test::build_cache(forced, 1);
  EXPECT_EQ(read_split(from_disk, Split::train).images, before.images);
}

TEST_F(IngestTest, ReportsSurviveJson) {
  Ingest ingest(options());
  const WritePlan plan = *ingest.decide().plan;
  const ShardReport report = ingest.write_part(WritePlan::from_json(plan.to_json()), 1, 3);
  const ShardReport copy = ShardReport::from_json(report.to_json());
  ASSERT_EQ(copy.shards.size(), 2u);
  EXPECT_TRUE(copy.shards[0].file.ends_with("-00001-of-00003.h5")) << copy.shards[0].file;
  EXPECT_EQ(copy.shards[1].part, Part::test);
  EXPECT_EQ(copy.shards[0].xxh3, report.shards[0].xxh3);
  EXPECT_EQ(copy.sum, report.sum);
  EXPECT_EQ(copy.square_sum, report.square_sum);
  EXPECT_EQ(thrown_by([] { ShardReport::from_json("{}"); }).code, ExitCode::internal);
}

TEST_F(IngestTest, RealFashionMnist) {
  IngestOptions real = options();
  real.source = "fashion_mnist";
  real.validation_records = 5000;
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
    GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
  }
  const Stopwatch watch;
  const Dataset dataset = Dataset::open(test::build_cache(real, 1));
  RecordProperty("ingest_and_open_s", std::to_string(watch.seconds()));
  EXPECT_EQ(dataset.info().counts, (std::array<size_t, 3>{55000, 5000, 10000}));
  EXPECT_EQ(dataset.info().class_names[9], "Ankle boot");
  // The published mean and deviation of all 60,000 train images are 0.2860 and 0.3530.
  EXPECT_NEAR(dataset.info().mean[0], 0.2860, 0.001);
  EXPECT_NEAR(dataset.info().stddev[0], 0.3530, 0.001);
  std::array<int, 10> classes{};
  for (const Split split : {Split::train, Split::validation}) {
    for (const uint8_t label : read_split(dataset, split).labels) ++classes[label];
  }
  for (const int count : classes) EXPECT_EQ(count, 6000);
}

}  // namespace
}  // namespace podium::io
