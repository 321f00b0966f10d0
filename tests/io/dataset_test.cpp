#include "io/loader/dataset.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/error.hpp"
#include "core/random.hpp"
#include "io/cache/manifest.hpp"
#include "io/cache/shard.hpp"
#include "io/data_files.hpp"
#include "io/loader_epochs.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Bytes;
using test::read_split;
using test::thrown_by;

constexpr size_t image_bytes = 20;
constexpr uint64_t block_bytes = 1000 * image_bytes;
constexpr std::array<Split, 3> splits = {Split::train, Split::validation, Split::test};

// 5,000 train records in shards of 2,500, so in blocks of 1,000, 1,000 and 500; 100 of them
// validate.
class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() {
    write(5000);
    path_ = test::build_cache(options(), 2);
  }

  void write(uint32_t train_records) {
    test::TinySet set;
    set.train = train_records;
    test::write_idx_folder(folder_.path() / "data", set, true);
  }

  IngestOptions options() const {
    IngestOptions options;
    options.source = (folder_.path() / "data").string();
    options.cache_dir = folder_.path() / "cache";
    options.split_seed = 7;
    options.validation_records = 100;
    options.log = Log(LogLevel::error, "test");
    return options;
  }

  // Appends records up to `train_records` of the source.
  void append(uint32_t train_records) {
    write(train_records);
    IngestOptions appending = options();
    appending.append = "";
    test::build_cache(appending, 1);
  }

  void rebuild(uint64_t ranks) {
    IngestOptions forced = options();
    forced.memo.mode = MemoMode::never;
    test::build_cache(forced, ranks);
  }

  test::TemporaryFolder folder_;
  std::filesystem::path path_;
};

TEST_F(DatasetTest, AnyBudgetAndPolicyGiveTheSameRecordsWithinTheBudget) {
  const Dataset whole = Dataset::open(path_);
  for (const Split split : splits) {
    const auto expected = read_split(whole, split);
    for (const CachePolicy policy : {CachePolicy::pin, CachePolicy::lru, CachePolicy::two_queue}) {
      for (const uint64_t budget :
           {uint64_t{0}, uint64_t{100}, block_bytes, 3 * block_bytes, 100 * block_bytes}) {
        const Dataset dataset = Dataset::open(path_, {.memory_bytes = budget, .policy = policy});
        EXPECT_EQ(dataset.fits_in_memory(), budget == 100 * block_bytes);
        Random random(1);
        std::vector<uint32_t> records(300);
        Bytes images(300 * image_bytes);
        Bytes labels(300);
        for (int batch = 0; batch < 20; ++batch) {
          for (uint32_t& record : records) {
            record = static_cast<uint32_t>(random.below(dataset.size(split)));
          }
          dataset.gather(split, records, images, labels);
          for (size_t i = 0; i < records.size(); ++i) {
            ASSERT_EQ(labels[i], expected.labels[records[i]]);
            ASSERT_TRUE(std::equal(images.begin() + i * image_bytes,
                                   images.begin() + (i + 1) * image_bytes,
                                   expected.images.begin() + records[i] * image_bytes));
          }
        }
        EXPECT_LE(dataset.resident_bytes(), budget);
        EXPECT_LE(dataset.statistics().peak_bytes, budget + block_bytes);
      }
    }
  }
}

TEST_F(DatasetTest, TrainAndTestShareTheBudget) {
  const Dataset dataset = Dataset::open(path_, {.memory_bytes = 8 * block_bytes});
  ASSERT_TRUE(dataset.fits_in_memory());
  for (const Split split : splits) read_split(dataset, split);
  EXPECT_EQ(dataset.resident_bytes(), 5300 * image_bytes);
  const CacheStatistics statistics = dataset.statistics();
  EXPECT_EQ(statistics.misses, 8u);  // three blocks of each train shard, one of each test shard
  EXPECT_EQ(statistics.hits, 6u);    // by the validation split
  EXPECT_EQ(statistics.bytes_read, 5300 * image_bytes);
}

TEST_F(DatasetTest, RecordsBeyondASplitAreRefused) {
  const Dataset dataset = Dataset::open(path_);
  Bytes images(image_bytes);
  Bytes labels(1);
  for (const Split split : splits) {
    const std::vector<uint32_t> beyond = {static_cast<uint32_t>(dataset.size(split))};
    EXPECT_EQ(thrown_by([&] { dataset.gather(split, beyond, images, labels); }).code,
              ExitCode::internal);
  }
}

TEST_F(DatasetTest, TakesUpAndHidesGenerations) {
  Dataset dataset = Dataset::open(path_);
  const auto first = read_split(dataset, Split::train);
  const auto validation = read_split(dataset, Split::validation);
  const auto test = read_split(dataset, Split::test);
  EXPECT_EQ(dataset.generation(), 0u);
  EXPECT_EQ(dataset.newest_generation(), 0u);
  append(5700);
  append(8000);
  EXPECT_EQ(dataset.newest_generation(), 2u);
  EXPECT_EQ(dataset.size(Split::train), 4900u);  // until it is asked for
  for (const auto& [generation, records] :
       {std::pair<uint64_t, size_t>{1, 5600}, {2, 7900}, {0, 4900}, {2, 7900}, {1, 5600}}) {
    dataset.use_generation(generation);
    EXPECT_EQ(dataset.generation(), generation);
    EXPECT_EQ(dataset.size(Split::train), records);
    EXPECT_EQ(dataset.block_starts(Split::train).back(), records);
    const auto train = read_split(dataset, Split::train);
    EXPECT_TRUE(std::equal(first.images.begin(), first.images.end(), train.images.begin()));
    const auto opened = read_split(Dataset::open(path_, {.generation = generation}), Split::train);
    EXPECT_EQ(opened.images, train.images);
    EXPECT_EQ(opened.labels, train.labels);
    EXPECT_EQ(read_split(dataset, Split::validation).images, validation.images);
    EXPECT_EQ(read_split(dataset, Split::test).labels, test.labels);
  }
  EXPECT_EQ(thrown_by([&] { dataset.use_generation(3); }).code, ExitCode::bad_data);
  EXPECT_EQ(thrown_by([&] { Dataset::open(path_, {.generation = 3}); }).code, ExitCode::bad_data);
}

TEST_F(DatasetTest, WhatIsInMemoryStaysThereWhenDataGrows) {
  Dataset dataset = Dataset::open(path_, {.memory_bytes = 9 * block_bytes});
  read_split(dataset, Split::train);
  const uint64_t read = dataset.statistics().bytes_read;
  append(5500);
  dataset.use_generation(1);
  const auto train = read_split(dataset, Split::train);
  EXPECT_EQ(dataset.statistics().bytes_read, read + 500 * image_bytes);
  append(9900);  // beyond the budget
  dataset.use_generation(2);
  EXPECT_FALSE(dataset.fits_in_memory());
  const auto more = read_split(dataset, Split::train);
  EXPECT_TRUE(std::equal(train.images.begin(), train.images.end(), more.images.begin()));
  EXPECT_LE(dataset.resident_bytes(), 9 * block_bytes);
  EXPECT_GT(dataset.statistics().hits, 0u);  // of before as well
}

TEST_F(DatasetTest, ARebuildIsNothingNewer) {
  append(5500);
  Dataset dataset = Dataset::open(path_, {.generation = 0});
  EXPECT_EQ(dataset.newest_generation(), 1u);
  rebuild(3);
  EXPECT_EQ(dataset.newest_generation(), 0u);
  EXPECT_EQ(thrown_by([&] { dataset.use_generation(1); }).code, ExitCode::bad_data);
  EXPECT_EQ(read_split(dataset, Split::train).labels.size(), 4900u);
}

TEST_F(DatasetTest, OpensWhileOthersRebuild) {
  std::atomic<bool> done = false;
  std::jthread builder([&] {
    for (uint64_t ranks = 1; !done; ranks = ranks % 3 + 1) rebuild(ranks);
  });
  const Bytes expected = test::test_images(1, 300, image_bytes);
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(read_split(Dataset::open(path_), Split::test).images, expected);
  }
  done = true;
}

TEST_F(DatasetTest, CachesLargerThanMemoryAreVerifiedAsTheyAreRead) {
  std::filesystem::path damaged;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("train-") || (!damaged.empty() && damaged < entry.path())) continue;
    damaged = entry.path();
  }
  // The images of a shard are most of it: a byte in the middle is one of theirs.
  test::flip_bit(damaged, std::filesystem::file_size(damaged) / 2, 3);
  EXPECT_EQ(thrown_by([&] { Dataset::open(path_); }).code, ExitCode::bad_data);
  const Dataset dataset = Dataset::open(path_, {.memory_bytes = block_bytes});
  const auto thrown = thrown_by([&] { read_split(dataset, Split::train); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions(damaged.filename().string())) << thrown.message;
  EXPECT_TRUE(thrown.mentions(shard_schema.remedy)) << thrown.message;
}

// Gives 255 minus each pixel.
class Negative : public BlockSource {
 public:
  explicit Negative(std::unique_ptr<BlockSource> inner) : inner_(std::move(inner)) {}
  uint64_t blocks() const override { return inner_->blocks(); }
  uint64_t records(uint64_t block) const override { return inner_->records(block); }
  size_t record_bytes() const override { return inner_->record_bytes(); }
  void read(uint64_t block, std::span<uint8_t> images) const override {
    inner_->read(block, images);
    for (uint8_t& pixel : images) pixel = static_cast<uint8_t>(255 - pixel);
  }

 private:
  std::unique_ptr<BlockSource> inner_;
};

TEST_F(DatasetTest, ASourceCanBePutOverTheShards) {
  auto expected = read_split(Dataset::open(path_), Split::test);
  for (uint8_t& pixel : expected.images) pixel = static_cast<uint8_t>(255 - pixel);
  for (const uint64_t budget : {uint64_t{0}, 100 * block_bytes}) {
    const Dataset dataset = Dataset::open(
        path_, {.memory_bytes = budget, .wrap = [](std::unique_ptr<BlockSource> shards) {
                  return std::make_unique<Negative>(std::move(shards));
                }});
    EXPECT_EQ(read_split(dataset, Split::test).images, expected.images);
  }
}

// Under a full shuffle and under one of blocks.
TEST_F(DatasetTest, ASliceIsTheFirstRecordsOfASplit) {
  const Dataset whole = Dataset::open(path_);
  for (const uint64_t budget : {block_bytes, 100 * block_bytes}) {
    const Dataset slice = Dataset::open(
        path_, {.memory_bytes = budget, .train_records = 1700, .validation_records = 30});
    ASSERT_EQ(slice.size(Split::train), 1700u);
    ASSERT_EQ(slice.size(Split::validation), 30u);
    EXPECT_EQ(slice.size(Split::test), whole.size(Split::test));
    for (const Split split : {Split::train, Split::validation}) {
      const auto expected = read_split(whole, split);
      const auto seen = read_split(slice, split);
      EXPECT_TRUE(std::equal(seen.images.begin(), seen.images.end(), expected.images.begin()));
      std::vector<uint32_t> visited;
      LoaderOptions options;
      options.split = split;
      options.batch = 64;
      for (const test::Step& step : test::joined_epoch(slice, options, 2, 0)) {
        visited.insert(visited.end(), step.records.begin(), step.records.end());
      }
      std::ranges::sort(visited);
      std::vector<uint32_t> all(slice.size(split));
      std::iota(all.begin(), all.end(), 0U);
      EXPECT_EQ(visited, all);
    }
  }
  EXPECT_EQ(Dataset::open(path_, {.train_records = 1000000}).size(Split::train), 4900u);
}

TEST_F(DatasetTest, ManyThreadsGather) {
  for (const uint64_t budget : {uint64_t{0}, 3 * block_bytes, 100 * block_bytes}) {
    const Dataset dataset = Dataset::open(path_, {.memory_bytes = budget});
    const auto expected = read_split(dataset, Split::train);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back(
          [&] { EXPECT_EQ(read_split(dataset, Split::train).images, expected.images); });
    }
  }
}

}  // namespace
}  // namespace podium::io
