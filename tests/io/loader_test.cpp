#include "io/loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>

#include "core/error.hpp"
#include "io/data_files.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::thrown_by;

struct Step {
  std::vector<uint32_t> records;
  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
  bool operator==(const Step&) const = default;
};
using Epoch = std::vector<Step>;

// The epoch as `world` ranks see it: their parts of each step, joined in rank order.
Epoch joined_epoch(const Dataset& dataset, LoaderOptions options, size_t world, uint64_t epoch,
                   size_t first_step = 0) {
  Epoch joined;
  options.world = world;
  for (size_t rank = 0; rank < world; ++rank) {
    options.rank = rank;
    Loader loader(dataset, options);
    joined.resize(loader.steps_per_epoch() - first_step);
    loader.start_epoch(epoch, first_step);
    size_t steps = 0;
    while (const auto batch = loader.next()) {
      EXPECT_EQ(batch->step, first_step + steps);
      EXPECT_EQ(batch->images.size(), batch->count() * dataset.info().image_bytes());
      const size_t even = batch->global_count / world;
      EXPECT_TRUE(batch->count() == even || batch->count() == even + 1);
      Step& step = joined.at(steps++);
      step.records.insert(step.records.end(), batch->records.begin(), batch->records.end());
      step.images.insert(step.images.end(), batch->images.begin(), batch->images.end());
      step.labels.insert(step.labels.end(), batch->labels.begin(), batch->labels.end());
    }
    EXPECT_EQ(steps, joined.size());
    EXPECT_FALSE(loader.next());
  }
  return joined;
}

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
    return io::joined_epoch(*dataset_, options, world, epoch);
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

// 19,000 train records in 3 shards, so in 21 blocks of up to 1,000; 16 bytes each.
class BlockLoaderTest : public ::testing::Test {
 protected:
  static constexpr uint64_t block_bytes = 16000;
  static constexpr uint64_t blocks = 21;

  BlockLoaderTest() {
    IngestOptions options;
    options.source = "synthetic:20000,4,4,1,10";
    options.cache_dir = folder_.path();
    options.validation_records = 1000;
    path_ = test::build_cache(options, 3);
  }

  Dataset open(uint64_t budget_blocks, CachePolicy policy = CachePolicy::pin) const {
    return Dataset::open(path_, {.memory_bytes = budget_blocks * block_bytes, .policy = policy});
  }

  static LoaderOptions options(Shuffle shuffle, size_t batch = 96) {
    LoaderOptions options;
    options.shuffle = shuffle;
    options.batch = batch;
    options.seed = 3;
    return options;
  }

  test::TemporaryFolder folder_;
  std::filesystem::path path_;
};

TEST_F(BlockLoaderTest, ShufflesBlocksWhenImagesDoNotFit) {
  for (const auto& [budget, shuffle] : {std::pair<uint64_t, Shuffle>{0, Shuffle::block},
                                        {12, Shuffle::block},
                                        {30, Shuffle::full}}) {
    const Dataset dataset = open(budget);
    EXPECT_EQ(Loader(dataset, options(Shuffle::automatic)).shuffle(), shuffle);
  }
}

TEST_F(BlockLoaderTest, EveryRecordOnceForAnyWorldBatchAndBudget) {
  for (const uint64_t budget : {0, 12, 30}) {
    const Dataset dataset = open(budget);
    for (const Shuffle shuffle : {Shuffle::none, Shuffle::block}) {
      for (size_t world = 1; world <= 8; ++world) {
        const size_t batch = std::array<size_t, 4>{96, 101, 1777, 6000}[world % 4];
        std::vector<int> seen(dataset.size(Split::train));
        for (const Step& step : joined_epoch(dataset, options(shuffle, batch), world, 0)) {
          for (const uint32_t record : step.records) ++seen[record];
        }
        EXPECT_TRUE(std::ranges::all_of(seen, [](int times) { return times == 1; }))
            << "world " << world << " batch " << batch;
      }
    }
  }
}

TEST_F(BlockLoaderTest, StepsHoldTheSameImagesAtAnyWorldSize) {
  const Dataset dataset = open(12);
  for (const Shuffle shuffle : {Shuffle::none, Shuffle::block}) {
    LoaderOptions augmented = options(shuffle, 101);
    augmented.augmentation = {true, 1, 2, 0.5};
    const Epoch alone = joined_epoch(dataset, augmented, 1, 2);
    for (const size_t world : {2, 3, 8}) {
      EXPECT_TRUE(joined_epoch(dataset, augmented, world, 2) == alone) << world;
    }
  }
}

TEST_F(BlockLoaderTest, ImagesAndLabelsAreThoseOfTheirRecords) {
  const Dataset dataset = open(12);
  const auto content = test::read_split(dataset, Split::train);
  for (const Step& step : joined_epoch(dataset, options(Shuffle::block), 3, 1)) {
    for (size_t i = 0; i < step.records.size(); ++i) {
      ASSERT_EQ(step.labels[i], content.labels[step.records[i]]);
      ASSERT_EQ(std::memcmp(step.images.data() + i * 16,
                            content.images.data() + step.records[i] * 16, 16),
                0);
    }
  }
}

TEST_F(BlockLoaderTest, ThreadsDepthAndPolicyChangeNothing) {
  for (const Shuffle shuffle : {Shuffle::none, Shuffle::full, Shuffle::block}) {
    LoaderOptions given = options(shuffle, 333);
    given.augmentation = {true, 1, 1, 0.3};
    given.threads = 0;
    const Epoch expected = joined_epoch(open(12), given, 2, 1);
    for (const CachePolicy policy : {CachePolicy::pin, CachePolicy::lru, CachePolicy::two_queue}) {
      const Dataset dataset = open(12, policy);
      for (const size_t threads : {1, 2, 3}) {
        for (const size_t depth : {0, 1, 5}) {
          given.threads = threads;
          given.depth = depth;
          EXPECT_TRUE(joined_epoch(dataset, given, 2, 1) == expected);
        }
      }
    }
  }
}

TEST_F(BlockLoaderTest, AnyStepCanBeginWithoutReadingWhatIsBefore) {
  const Dataset dataset = open(0);
  const Epoch whole = joined_epoch(dataset, options(Shuffle::block), 1, 6);
  for (const size_t first : {whole.size() - 1, whole.size() / 2, size_t{1}}) {
    const uint64_t before = dataset.statistics().misses;
    const Epoch rest = joined_epoch(dataset, options(Shuffle::block), 1, 6, first);
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + static_cast<long>(first),
                           whole.end()));
    const uint64_t groups_to_come = (whole.size() - first) * 96 / 4000 + 2;
    EXPECT_LE(dataset.statistics().misses - before, 4 * groups_to_come);
  }
  EXPECT_TRUE(joined_epoch(dataset, options(Shuffle::block), 1, 6, whole.size()).empty());
}

TEST_F(BlockLoaderTest, EachBlockIsReadOnceAnEpochAndMemoryStaysWithinBudget) {
  for (const size_t threads : {0, 1, 3}) {
    for (const uint64_t budget : {0, 3, 8, 16, 20}) {
      const Dataset dataset = open(budget);
      LoaderOptions given = options(Shuffle::block);
      given.threads = threads;
      Loader loader(dataset, given);
      for (uint64_t epoch = 0; epoch < 3; ++epoch) {
        loader.start_epoch(epoch);
        while (loader.next()) {
        }
      }
      const CacheStatistics statistics = dataset.statistics();
      const uint64_t group = dataset.blocks_at_once();
      const uint64_t pinned = budget > group ? budget - group : 0;  // at least, as some are shorter
      EXPECT_EQ(statistics.hits + statistics.misses, 3 * blocks);
      EXPECT_GE(statistics.hits, 2 * pinned);
      EXPECT_LE(statistics.hits, 2 * (pinned + 2));
      EXPECT_LE(statistics.peak_bytes, std::max(budget, group) * block_bytes);
    }
  }
}

TEST_F(BlockLoaderTest, RanksShareTheReading) {
  constexpr size_t world = 4;
  LoaderOptions given = options(Shuffle::block, 400);
  given.world = world;
  for (given.rank = 0; given.rank < world; ++given.rank) {
    const Dataset dataset = open(0);  // as in a process of its own
    Loader loader(dataset, given);
    loader.start_epoch(0);
    while (loader.next()) {
    }
    // Of the 4 blocks of each of 6 groups a quarter, and the neighbours that a share reaches into.
    EXPECT_LE(dataset.statistics().misses, 6 * 3);
    EXPECT_GE(dataset.statistics().misses, 6);
  }
}

TEST_F(BlockLoaderTest, EpochsCanBeDroppedAtAnyMoment) {
  const Dataset dataset = open(12);
  LoaderOptions given = options(Shuffle::block, 500);
  const Epoch wanted = joined_epoch(dataset, given, 1, 4);
  for (const size_t threads : {0, 1, 3}) {
    given.threads = threads;
    Loader loader(dataset, given);
    for (size_t i = 0; i < 200; ++i) {
      loader.start_epoch(9, i % 38);
      for (size_t taken = 0; taken < i % 3; ++taken) loader.next();
      loader.start_epoch(4, i % 38);
      const auto batch = loader.next();
      ASSERT_TRUE(batch);
      const Step& expected = wanted[i % 38];
      ASSERT_TRUE(std::ranges::equal(batch->records, expected.records));
      ASSERT_TRUE(std::ranges::equal(batch->images, expected.images));
    }
  }
}

// Throws for one block, from a certain moment on.
class Failing : public BlockSource {
 public:
  Failing(std::unique_ptr<BlockSource> inner, const std::atomic<bool>& broken)
      : inner_(std::move(inner)), broken_(broken) {}
  uint64_t blocks() const override { return inner_->blocks(); }
  uint64_t records(uint64_t block) const override { return inner_->records(block); }
  size_t record_bytes() const override { return inner_->record_bytes(); }
  void read(uint64_t block, std::span<uint8_t> images) const override {
    if (broken_ && block == 9) throw data_error("damaged", "block nine", "mend it");
    inner_->read(block, images);
  }

 private:
  std::unique_ptr<BlockSource> inner_;
  const std::atomic<bool>& broken_;
};

TEST_F(BlockLoaderTest, AFailureComesInItsStepAndTheNextEpochWorks) {
  for (const Shuffle shuffle : {Shuffle::block, Shuffle::full, Shuffle::none}) {
    for (const size_t threads : {0, 1, 3}) {
      std::atomic<bool> broken = true;
      const Dataset dataset = Dataset::open(
          path_, {.memory_bytes = 0, .wrap = [&](std::unique_ptr<BlockSource> shards) {
                    return std::make_unique<Failing>(std::move(shards), broken);
                  }});
      LoaderOptions given = options(shuffle);
      given.threads = threads;
      broken = false;
      const Epoch wanted = joined_epoch(dataset, given, 1, 0);
      broken = true;
      Loader loader(dataset, given);
      loader.start_epoch(0);
      size_t steps = 0;
      const auto thrown = thrown_by([&] {
        while (loader.next()) ++steps;
      });
      EXPECT_EQ(thrown.code, ExitCode::bad_data);
      EXPECT_TRUE(thrown.mentions("block nine"));
      EXPECT_FALSE(loader.next());
      broken = false;
      loader.start_epoch(0, steps);
      const auto batch = loader.next();
      ASSERT_TRUE(batch);
      EXPECT_TRUE(std::ranges::equal(batch->records, wanted[steps].records));
    }
  }
}

}  // namespace
}  // namespace podium::io
