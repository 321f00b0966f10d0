#include "io/loader/loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "core/error.hpp"
#include "io/data_files.hpp"
#include "io/loader_epochs.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Epoch;
using test::Step;
using test::thrown_by;

// One cache for all tests: 997 train records (a prime), 100 validation, 109 test.
class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    IngestOptions options;
    options.source = "synthetic:1097,6,5,3,10";
    options.cache_dir = folder_.path();
    options.validation_records = 100;
    path_ = test::build_cache(options, 2);
    dataset_.emplace(Dataset::open(path_));
  }

  Epoch joined_epoch(const LoaderOptions& options, size_t world, uint64_t epoch) {
    return test::joined_epoch(*dataset_, options, world, epoch);
  }

  test::TemporaryFolder folder_;
  std::filesystem::path path_;
  std::optional<Dataset> dataset_;
};

TEST_F(LoaderTest, EveryRecordOnceForAnyWorldAndBatch) {
  for (size_t world = 1; world <= 8; ++world) {
    for (const size_t batch : {1, 3, 64, 100, 997, 5000}) {
      if (batch == 1 && world > 3) continue;  // slow and no different
      LoaderOptions options;
      options.batch = batch;
      std::vector<int> seen(dataset_->size(Split::train));
      for (const Step& step : joined_epoch(options, world, 0)) {
        EXPECT_LE(step.records.size(), batch);
        for (const uint32_t record : step.records) ++seen[record];
      }
      EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }))
          << "world " << world << " batch " << batch;
    }
  }
}

TEST_F(LoaderTest, StepsHoldTheSameImagesAtAnyWorldSizeAugmentedOrNot) {
  for (const Augmentation augmentation :
       {Augmentation{}, Augmentation{true, 2}, Augmentation{true, 1, 2, 0.5}}) {
    LoaderOptions options;
    options.batch = 60;
    options.seed = 5;
    options.augmentation = augmentation;
    const Epoch alone = joined_epoch(options, 1, 3);
    for (const size_t world : {2, 3, 5, 8}) {
      const Epoch together = joined_epoch(options, world, 3);
      ASSERT_EQ(together.size(), alone.size());
      for (size_t step = 0; step < alone.size(); ++step) {
        EXPECT_EQ(together[step].records, alone[step].records);
        EXPECT_EQ(together[step].images, alone[step].images);
        EXPECT_EQ(together[step].labels, alone[step].labels);
      }
    }
  }
}

TEST_F(LoaderTest, ImagesAndLabelsAreThoseOfTheirRecords) {
  LoaderOptions options;
  options.split = Split::validation;
  options.batch = 33;
  const auto content = test::read_split(*dataset_, Split::validation);
  for (const Step& step : joined_epoch(options, 2, 1)) {
    for (size_t i = 0; i < step.records.size(); ++i) {
      EXPECT_EQ(step.labels[i], content.labels[step.records[i]]);
      EXPECT_EQ(std::memcmp(step.images.data() + i * 90,
                            content.images.data() + step.records[i] * 90, 90),
                0);
    }
  }
}

TEST_F(LoaderTest, OrderDependsOnSeedAndEpochAlone) {
  LoaderOptions options;
  const auto order = [&](uint64_t seed, uint64_t epoch) {
    options.seed = seed;
    std::vector<uint32_t> all;
    for (const Step& step : joined_epoch(options, 1, epoch)) {
      all.insert(all.end(), step.records.begin(), step.records.end());
    }
    return all;
  };
  EXPECT_EQ(order(1, 0), order(1, 0));
  EXPECT_NE(order(1, 0), order(1, 1));
  EXPECT_NE(order(1, 0), order(2, 0));
  options.shuffle = Shuffle::none;
  const auto plain = order(1, 0);
  EXPECT_TRUE(std::is_sorted(plain.begin(), plain.end()));
}

TEST_F(LoaderTest, TailWithFewerImagesThanRanksGivesSomeNone) {
  LoaderOptions options;
  options.batch = 8;  // 997 = 124 * 8 + 5
  options.world = 8;
  size_t empty = 0;
  for (options.rank = 0; options.rank < options.world; ++options.rank) {
    Loader loader(*dataset_, options);
    loader.start_epoch(0, 124);
    const auto batch = loader.next();
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->global_count, 5u);
    empty += batch->count() == 0;
    EXPECT_FALSE(loader.next());
  }
  EXPECT_EQ(empty, 3u);
}

TEST_F(LoaderTest, EpochCanBeginAtAnyStepAndBeDropped) {
  LoaderOptions options;
  options.batch = 100;
  const Epoch whole = joined_epoch(options, 1, 4);
  Loader loader(*dataset_, options);
  for (int i = 0; i < 50; ++i) {
    loader.start_epoch(9);
    if (i % 2 == 0) loader.next();
    loader.start_epoch(4, 7);
    for (size_t step = 7; step < whole.size(); ++step) {
      const auto batch = loader.next();
      ASSERT_TRUE(batch);
      EXPECT_EQ(batch->step, step);
      ASSERT_TRUE(std::equal(batch->records.begin(), batch->records.end(),
                             whole[step].records.begin(), whole[step].records.end()));
      ASSERT_TRUE(std::equal(batch->images.begin(), batch->images.end(), whole[step].images.begin(),
                             whole[step].images.end()));
    }
    EXPECT_FALSE(loader.next());
  }
}

// Begins another epoch at all moments of the thread's work on the one before.
TEST_F(LoaderTest, ABatchOfADroppedEpochIsNeverSeen) {
  LoaderOptions options;
  options.batch = 500;
  const Epoch wanted = joined_epoch(options, 1, 4);
  Loader loader(*dataset_, options);
  for (int i = 0; i < 1500; ++i) {
    loader.start_epoch(9);
    const auto pause = std::chrono::nanoseconds(i * 40);
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < pause) {
    }
    loader.start_epoch(4);
    const auto batch = loader.next();
    ASSERT_TRUE(batch);
    ASSERT_TRUE(std::equal(batch->records.begin(), batch->records.end(), wanted[0].records.begin(),
                           wanted[0].records.end()));
  }
}

TEST_F(LoaderTest, NothingBeforeTheFirstEpoch) {
  Loader loader(*dataset_, {});
  EXPECT_FALSE(loader.next());
}

TEST_F(LoaderTest, FailureOfThePrefetchThreadReachesTheConsumer) {
  dataset_.reset();  // HDF5 would share its chunk cache
  const Dataset from_disk = Dataset::open(path_, {.memory_bytes = 0});
  // Damages the chunks behind the reader's back: flips a byte in every KiB of the shards' data.
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (!entry.path().filename().string().starts_with("train-")) continue;
    FILE* file = std::fopen(entry.path().c_str(), "r+b");
    for (long at = 2048; at < static_cast<long>(entry.file_size()); at += 1024) {
      std::fseek(file, at, SEEK_SET);
      const int byte = std::fgetc(file);
      std::fseek(file, at, SEEK_SET);
      std::fputc(byte ^ 1, file);
    }
    std::fclose(file);
  }
  Loader loader(from_disk, {});
  loader.start_epoch(0);
  const auto thrown = thrown_by([&] { loader.next(); });
  EXPECT_EQ(thrown.code, ExitCode::bad_data);
  EXPECT_TRUE(thrown.mentions("train-")) << thrown.message;
  EXPECT_FALSE(loader.next());
}

TEST_F(LoaderTest, ReadingFromDiskGivesTheSameAsFromMemory) {
  for (const Shuffle shuffle : {Shuffle::none, Shuffle::full, Shuffle::block}) {
    LoaderOptions options;
    options.batch = 128;
    options.shuffle = shuffle;
    dataset_.emplace(Dataset::open(path_));
    const Epoch from_memory = joined_epoch(options, 1, 2);
    for (const uint64_t memory_bytes : {uint64_t{0}, uint64_t{50000}, uint64_t{98000}}) {
      dataset_.emplace(Dataset::open(path_, {.memory_bytes = memory_bytes}));
      const Epoch from_disk = joined_epoch(options, 1, 2);
      EXPECT_LE(dataset_->resident_bytes(), memory_bytes);
      for (size_t step = 0; step < from_memory.size(); ++step) {
        EXPECT_EQ(from_disk[step].images, from_memory[step].images);
        EXPECT_EQ(from_disk[step].labels, from_memory[step].labels);
      }
    }
  }
}

TEST_F(LoaderTest, ImpossibleOptionsAreRefused) {
  LoaderOptions options;
  options.batch = 0;
  EXPECT_EQ(thrown_by([&] { Loader loader(*dataset_, options); }).code, ExitCode::usage);
  options = {};
  options.augmentation.shift = 5;
  EXPECT_EQ(thrown_by([&] { Loader loader(*dataset_, options); }).code, ExitCode::usage);
  options = {};
  options.augmentation.cutout = 10;
  EXPECT_EQ(thrown_by([&] { Loader loader(*dataset_, options); }).code, ExitCode::usage);
  options = {};
  options.augmentation.erase = 1.5;
  EXPECT_EQ(thrown_by([&] { Loader loader(*dataset_, options); }).code, ExitCode::usage);
  options = {};
  options.rank = 1;
  EXPECT_EQ(thrown_by([&] { Loader loader(*dataset_, options); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace podium::io
