#include "io/loader/epoch_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "core/permutation.hpp"
#include "io/loader/split_map.hpp"
#include "io/loader/step_index.hpp"

namespace podium::io {
namespace {

using Records = std::vector<uint32_t>;

Records whole(const EpochOrder& order) {
  Records all;
  for (size_t group = 0; group < order.groups(); ++group) {
    const Records part = order.group(group);
    EXPECT_EQ(order.first(group), all.size());
    all.insert(all.end(), part.begin(), part.end());
  }
  EXPECT_EQ(order.records(), all.size());
  return all;
}

// Blocks of `size` records, some of them empty or short.
Records uneven_starts(uint32_t blocks, uint32_t size) {
  Records starts = {0};
  for (uint32_t block = 0; block < blocks; ++block) {
    starts.push_back(starts.back() + (block % 7 == 3 ? 0 : block % 5 == 4 ? size / 3 : size));
  }
  return starts;
}

TEST(EpochOrder, EveryRecordOnceInEveryMode) {
  for (const Shuffle shuffle : {Shuffle::none, Shuffle::full, Shuffle::block}) {
    for (const uint32_t blocks : {0u, 1u, 2u, 16u, 17u, 50u}) {
      for (const size_t batch : {1, 7, 64, 10000}) {
        for (const size_t group_blocks : {1, 4, 16}) {
          const Records starts = uneven_starts(blocks, 30);
          Records all = whole(EpochOrder(starts, {shuffle, group_blocks, batch, 5, 2}));
          if (shuffle != Shuffle::none) std::sort(all.begin(), all.end());
          Records expected(starts.back());
          std::iota(expected.begin(), expected.end(), 0u);
          EXPECT_EQ(all, expected) << blocks << " " << batch << " " << group_blocks;
        }
      }
    }
  }
}

TEST(EpochOrder, DependsOnSeedAndEpoch) {
  const Records starts = uneven_starts(40, 30);
  for (const Shuffle shuffle : {Shuffle::full, Shuffle::block}) {
    const auto order = [&](uint64_t seed, uint64_t epoch) {
      return whole(EpochOrder(starts, {shuffle, 8, 32, seed, epoch}));
    };
    EXPECT_EQ(order(1, 2), order(1, 2));
    EXPECT_NE(order(1, 2), order(1, 3));
    EXPECT_NE(order(1, 2), order(2, 2));
  }
}

TEST(EpochOrder, FindsTheGroupOfAPosition) {
  const EpochOrder order(uneven_starts(40, 30), {Shuffle::block, 8, 32, 1, 0});
  for (uint64_t position = 0; position < order.records(); ++position) {
    const size_t group = order.group_of(position);
    EXPECT_GE(position, order.first(group));
    EXPECT_LT(position, order.first(group + 1));
  }
}

TEST(EpochOrder, AGroupIsOfFewBlocksAndItsBatchesAscend) {
  const Records starts = uneven_starts(60, 30);
  constexpr size_t batch = 50;
  const EpochOrder order(starts, {Shuffle::block, 8, batch, 3, 1});
  for (size_t group = 0; group < order.groups(); ++group) {
    const Records records = order.group(group);
    std::set<ptrdiff_t> blocks;
    for (const uint32_t record : records) {
      blocks.insert(std::ranges::upper_bound(starts, record) - starts.begin());
    }
    EXPECT_LE(blocks.size(), 8u);
    for (size_t i = 1; i < records.size(); ++i) {
      const bool same_batch = (order.first(group) + i) % batch != 0;
      if (same_batch) {
        EXPECT_LT(records[i - 1], records[i]);
      }
    }
  }
}

// The shares of a batch are contiguous, so few blocks are needed by more than one rank.
TEST(EpochOrder, ARankNeedsItsShareOfTheBlocks) {
  Records starts = {0};
  for (int block = 0; block < 64; ++block) starts.push_back(starts.back() + 1000);
  constexpr size_t batch = 256;
  const EpochOrder order(starts, {Shuffle::block, 16, batch, 3, 1});
  const Records all = whole(order);
  for (const size_t world : {2, 4}) {
    for (size_t group = 0; group < order.groups(); ++group) {
      std::vector<std::set<uint32_t>> needed(world);
      const size_t end = order.first(group + 1);
      // Batches that lie within the group.
      for (size_t begin = (order.first(group) + batch - 1) / batch * batch; begin + batch <= end;
           begin += batch) {
        for (size_t i = 0; i < batch; ++i) needed[i * world / batch].insert(all[begin + i] / 1000);
      }
      for (const auto& blocks : needed) EXPECT_LE(blocks.size(), 16 / world + 4);
    }
  }
}

// Each block, and each place in a block, is equally often early in an epoch.
TEST(EpochOrder, BlockShuffleIsFair) {
  const Records starts = {0, 10, 20, 30, 40, 50, 60, 70, 80};
  std::vector<int> early(80);
  constexpr int epochs = 4000;
  for (uint64_t epoch = 0; epoch < epochs; ++epoch) {
    const Records first = EpochOrder(starts, {Shuffle::block, 4, 20, 9, epoch}).group(0);
    for (size_t i = 0; i < 20; ++i) ++early[first[i]];
  }
  for (const int times : early) EXPECT_NEAR(times, epochs / 4, 6 * 28);  // 6 standard deviations
}

TEST(Permutation, SampleIsTheBeginningOfAForwardShuffle) {
  for (const uint32_t count : {1u, 2u, 10u, 1000u}) {
    Records expected(count);
    std::iota(expected.begin(), expected.end(), 0u);
    Random random(count);
    for (uint32_t i = 0; i < count; ++i) {
      std::swap(expected[i], expected[i + random.below(count - i)]);
    }
    for (const uint32_t n : {0u, 1u, count / 2, count}) {
      EXPECT_EQ(sample(count, n, Random(count)), Records(expected.begin(), expected.begin() + n));
    }
  }
}

TEST(Permutation, SampleOfManyTakesMemoryForFew) {
  const Records chosen = sample(4'000'000'000u, 5000, Random(3));
  EXPECT_EQ(std::set<uint32_t>(chosen.begin(), chosen.end()).size(), 5000u);
  EXPECT_GT(*std::ranges::max_element(chosen), 3'900'000'000u);
}

TEST(StepIndex, CountsLikeASearch) {
  Random random(4);
  for (int i = 0; i < 300; ++i) {
    Records thresholds(random.below(60));
    const uint32_t range = 1 + static_cast<uint32_t>(random.below(i % 3 == 0 ? 20 : 100000));
    for (uint32_t& threshold : thresholds) threshold = static_cast<uint32_t>(random.below(range));
    std::ranges::sort(thresholds);
    const StepIndex index(thresholds);
    for (int probe = 0; probe < 200; ++probe) {
      const auto number = static_cast<uint32_t>(random.below(range + 50));
      const auto expected = std::ranges::upper_bound(thresholds, number) - thresholds.begin();
      ASSERT_EQ(index.count(number), expected);
    }
    EXPECT_EQ(index.count(0xffffffffu), thresholds.size());
  }
}

TEST(SplitMap, TrainIsWhatValidationLeaves) {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    const auto records = static_cast<uint32_t>(1 + random.below(500));
    Records validation = sample(records, static_cast<uint32_t>(random.below(records)), random);
    if (i % 4 == 0) std::iota(validation.begin(), validation.end(), 0u);  // all at the begin
    std::ranges::sort(validation);
    const SplitMap map(validation);
    uint32_t train = 0;
    uint32_t below = 0;
    for (uint32_t record = 0; record < records + 20; ++record) {
      EXPECT_EQ(map.validation_below(record), below);
      if (std::ranges::binary_search(validation, record)) {
        EXPECT_EQ(map.validation_record(below++), record);
      } else {
        EXPECT_EQ(map.train_record(train++), record);
      }
    }
  }
}

}  // namespace
}  // namespace podium::io
