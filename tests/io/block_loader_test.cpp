#include "io/loader/loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "core/error.hpp"
#include "io/data_files.hpp"
#include "io/loader_epochs.hpp"
#include "io/temporary_cache.hpp"
#include "temporary_folder.hpp"

namespace podium::io {
namespace {

using test::Epoch;
using test::joined_epoch;
using test::Step;
using test::thrown_by;

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
