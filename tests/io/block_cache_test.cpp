#include "io/loader/block_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <latch>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "core/error.hpp"
#include "core/random.hpp"
#include "io/data_files.hpp"

namespace podium::io {
namespace {

using test::thrown_by;

constexpr size_t record_bytes = 40;
constexpr std::array<CachePolicy, 3> policies = {CachePolicy::pin, CachePolicy::lru,
                                                 CachePolicy::two_queue};

// Blocks of ten records, every fourth shorter; their bytes follow from their number.
class NumberedBlocks : public BlockSource {
 public:
  explicit NumberedBlocks(uint64_t blocks) : blocks_(blocks), reads_(blocks + 8) {}

  uint64_t blocks() const override { return blocks_; }
  uint64_t records(uint64_t block) const override { return block % 4 == 3 ? 7 : 10; }
  size_t record_bytes() const override { return io::record_bytes; }
  void read(uint64_t block, std::span<uint8_t> images) const override {
    ++reads_[block];
    if (on_read) on_read(block);
    std::iota(images.begin(), images.end(), static_cast<uint8_t>(block * 31));
  }

  void grow(uint64_t blocks) { blocks_ += blocks; }
  int reads(uint64_t block) const { return reads_[block]; }
  uint64_t total() const {
    uint64_t bytes_of_all = 0;
    for (uint64_t block = 0; block < blocks_; ++block) bytes_of_all += bytes(block);
    return bytes_of_all;
  }

  std::function<void(uint64_t)> on_read;

 private:
  uint64_t blocks_;
  mutable std::vector<std::atomic<int>> reads_;
};

bool is_block(const NumberedBlocks& source, uint64_t block, const uint8_t* data) {
  std::vector<uint8_t> expected(source.bytes(block));
  std::iota(expected.begin(), expected.end(), static_cast<uint8_t>(block * 31));
  return std::equal(expected.begin(), expected.end(), data);
}

// The statistics after touching the blocks of `trace` one after the other.
CacheStatistics after(const std::vector<uint64_t>& trace, const NumberedBlocks& source,
                      const BlockCacheOptions& options) {
  const BlockCache cache(source, options);
  for (const uint64_t block : trace) {
    EXPECT_TRUE(is_block(source, block, cache.acquire(block).data()));
  }
  return cache.statistics();
}

std::vector<uint64_t> cyclic(uint64_t blocks, int epochs) {
  std::vector<uint64_t> trace;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (uint64_t block = 0; block < blocks; ++block) trace.push_back(block);
  }
  return trace;
}

TEST(BlockCache, GivesTheSourcesBytesWithinItsBudget) {
  const NumberedBlocks source(40);
  Random random(1);
  std::vector<uint64_t> trace(3000);
  for (uint64_t& block : trace) block = random.below(random.below(40) + 1);
  for (const CachePolicy policy : policies) {
    for (const uint64_t budget : {uint64_t{0}, uint64_t{399}, uint64_t{400}, uint64_t{5000},
                                  source.total() - 1, source.total()}) {
      for (const uint64_t passing : {uint64_t{0}, uint64_t{800}}) {
        const CacheStatistics statistics = after(trace, source, {budget, passing, policy});
        EXPECT_EQ(statistics.hits + statistics.misses, trace.size());
        // One block is leased at a time.
        EXPECT_LE(statistics.peak_bytes, std::max(budget, budget - std::min(budget, passing) + 400))
            << policy_name(policy) << " " << budget << " " << passing;
        EXPECT_LE(statistics.bytes_resident, budget);
        if (budget == source.total()) {
          EXPECT_EQ(statistics.misses, 40u);
          EXPECT_EQ(statistics.bytes_resident, source.total());
          EXPECT_EQ(statistics.evictions, 0u);
        }
        if (budget < 280) {
          EXPECT_EQ(statistics.hits, 0u);
        }
      }
    }
  }
}

TEST(BlockCache, PinIsOptimalOnACyclicScanAndLruHitsNothing) {
  const NumberedBlocks source(3);  // blocks of equal size
  const std::vector<uint64_t> trace = cyclic(3, 10);
  const uint64_t budget = 2 * 400;
  EXPECT_EQ(optimal_hits(trace, 2), 18u);
  EXPECT_EQ(after(trace, source, {budget, 0, CachePolicy::pin}).hits, 18u);
  EXPECT_EQ(after(trace, source, {budget, 0, CachePolicy::lru}).hits, 0u);
  for (uint64_t capacity = 0; capacity <= 60; ++capacity) {
    EXPECT_EQ(optimal_hits(cyclic(50, 4), capacity), 3 * std::min<uint64_t>(capacity, 50));
  }
}

// The most hits over all ways to keep at most `capacity` blocks after each touch.
uint64_t exhaustive_hits(const std::vector<uint64_t>& trace, uint64_t capacity) {
  std::map<std::set<uint64_t>, uint64_t> best = {{{}, 0}};
  for (const uint64_t block : trace) {
    std::map<std::set<uint64_t>, uint64_t> next;
    for (const auto& [kept, hits] : best) {
      const uint64_t now = hits + kept.count(block);
      const auto offer = [&](const std::set<uint64_t>& state) {
        auto& known = next.try_emplace(state, 0).first->second;
        known = std::max(known, now);
      };
      offer(kept);
      std::set<uint64_t> with = kept;
      with.insert(block);
      if (with.size() <= capacity) offer(with);
      for (const uint64_t victim : kept) {
        std::set<uint64_t> swapped = with;
        if (victim == block) continue;
        swapped.erase(victim);
        offer(swapped);
      }
    }
    best = std::move(next);
  }
  uint64_t most = 0;
  for (const auto& [kept, hits] : best) most = std::max(most, hits);
  return most;
}

TEST(BlockCache, OptimalHitsAreTheMostOfAllWays) {
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    std::vector<uint64_t> trace(random.below(14));
    for (uint64_t& block : trace) block = random.below(5);
    const uint64_t capacity = random.below(5);
    EXPECT_EQ(optimal_hits(trace, capacity), exhaustive_hits(trace, capacity));
  }
}

TEST(BlockCache, NoPolicyBeatsTheOptimum) {
  const NumberedBlocks source(3);
  Random random(8);
  for (int i = 0; i < 50; ++i) {
    std::vector<uint64_t> trace(200);
    for (uint64_t& block : trace) block = random.below(3);
    for (const CachePolicy policy : policies) {
      EXPECT_LE(after(trace, source, {800, 0, policy}).hits, optimal_hits(trace, 2));
    }
  }
}

TEST(BlockCache, PinIsOptimalOnReshuffledEpochsToo) {
  Random random(9);
  for (const uint64_t kept : {0u, 1u, 20u, 49u}) {
    std::vector<uint64_t> trace;
    for (int epoch = 0; epoch < 10; ++epoch) {
      std::vector<uint64_t> order(50);
      std::iota(order.begin(), order.end(), uint64_t{0});
      for (uint64_t left = 50; left > 1; --left) {
        std::swap(order[left - 1], order[random.below(left)]);
      }
      trace.insert(trace.end(), order.begin(), order.end());
    }
    EXPECT_EQ(optimal_hits(trace, kept), 9 * kept);
  }
}

TEST(BlockCache, TwoQueueKeepsWhatComesBackThroughAScan) {
  const NumberedBlocks source(400);
  std::vector<uint64_t> trace;
  uint64_t scanned = 20;
  for (int round = 0; round < 60; ++round) {
    for (uint64_t hot = 0; hot < 4; ++hot) trace.push_back(hot);
    for (int i = 0; i < 6; ++i) trace.push_back(scanned++ % 380 + 20);
  }
  const uint64_t budget = 8 * 400;
  const uint64_t two_queue = after(trace, source, {budget, 0, CachePolicy::two_queue}).hits;
  const uint64_t lru = after(trace, source, {budget, 0, CachePolicy::lru}).hits;
  EXPECT_EQ(lru, 0u);
  EXPECT_GT(two_queue, 4u * 50);
}

TEST(BlockCache, TheBlockUsedLongestAgoLeavesUnderLru) {
  const NumberedBlocks source(3);
  const std::vector<uint64_t> trace = {0, 1, 0, 2, 0, 1};  // 2 takes the place of 1
  const CacheStatistics statistics = after(trace, source, {800, 0, CachePolicy::lru});
  EXPECT_EQ(statistics.hits, 2u);
  EXPECT_EQ(statistics.evictions, 2u);
  EXPECT_EQ(source.reads(1), 2);
}

TEST(BlockCache, ALeaseKeepsWhatHasLeft) {
  const NumberedBlocks source(12);
  const BlockCache cache(source, {400, 0, CachePolicy::lru});
  const BlockLease first = cache.acquire(0);
  for (uint64_t block = 1; block < 12; ++block) cache.acquire(block);
  EXPECT_TRUE(is_block(source, 0, first.data()));
  const BlockLease again = cache.acquire(0);  // still there, as it is leased
  EXPECT_EQ(again.data(), first.data());
  EXPECT_EQ(source.reads(0), 1);
}

TEST(BlockCache, ThreadsThatMissTheSameBlockReadItOnce) {
  for (const CachePolicy policy : policies) {
    NumberedBlocks source(4);
    std::latch begun(1);
    std::latch others(3);
    source.on_read = [&](uint64_t) {
      begun.count_down();
      others.wait();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    for (const uint64_t budget : {uint64_t{0}, uint64_t{4000}}) {
      if (budget != 0) source.on_read = {};
      const BlockCache cache(source, {budget, 0, policy});
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
          if (i > 0 && budget == 0) {
            begun.wait();
            others.count_down();
          }
          EXPECT_TRUE(is_block(source, 2, cache.acquire(2).data()));
        });
      }
      threads.clear();
      if (budget > 0) {
        EXPECT_EQ(cache.statistics().misses, 1u);
      }
    }
    EXPECT_EQ(source.reads(2), 2);
  }
}

TEST(BlockCache, ASlowReadHoldsUpNobodyElse) {
  for (const CachePolicy policy : policies) {
    NumberedBlocks source(4);
    std::latch slow_begun(1);
    std::latch release(1);
    source.on_read = [&](uint64_t block) {
      if (block != 3) return;
      slow_begun.count_down();
      release.wait();
    };
    const BlockCache cache(source, {900, 0, policy});
    cache.acquire(0);
    std::jthread slow([&] { EXPECT_TRUE(is_block(source, 3, cache.acquire(3).data())); });
    slow_begun.wait();
    EXPECT_TRUE(is_block(source, 0, cache.acquire(0).data()));  // a hit
    EXPECT_TRUE(is_block(source, 1, cache.acquire(1).data()));  // a miss
    release.count_down();
  }
}

TEST(BlockCache, AFailedReadIsToldAndTriedAgain) {
  for (const CachePolicy policy : policies) {
    NumberedBlocks source(4);
    std::atomic<bool> broken = true;
    source.on_read = [&](uint64_t) {
      if (broken) throw data_error("damaged", "a block", "mend it");
    };
    const BlockCache cache(source, {800, 0, policy});
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(thrown_by([&] { cache.acquire(1); }).code, ExitCode::bad_data);
    }
    EXPECT_EQ(cache.statistics().bytes_resident, 0u);
    broken = false;
    EXPECT_TRUE(is_block(source, 1, cache.acquire(1).data()));
    EXPECT_TRUE(is_block(source, 2, cache.acquire(2).data()));
    EXPECT_EQ(cache.statistics().bytes_resident, 800u);  // the failure took no room
  }
}

TEST(BlockCache, ManyThreadsSeeOnlyTheSourcesBytes) {
  const NumberedBlocks source(30);
  for (const CachePolicy policy : policies) {
    for (const uint64_t budget : {uint64_t{0}, uint64_t{3000}, source.total()}) {
      const BlockCache cache(source, {budget, 0, policy});
      std::vector<std::jthread> threads;
      std::atomic<int> wrong = 0;
      for (uint64_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
          Random random(thread);
          for (int i = 0; i < 500; ++i) {
            const uint64_t block = random.below(30);
            wrong += !is_block(source, block, cache.acquire(block).data());
          }
        });
      }
      threads.clear();
      EXPECT_EQ(wrong, 0);
      const CacheStatistics statistics = cache.statistics();
      EXPECT_EQ(statistics.hits + statistics.misses, 2000u);
      EXPECT_LE(statistics.bytes_resident, budget);
      // A thread leases one block, and evicts some for one it has not read yet.
      EXPECT_LE(statistics.peak_bytes, budget + 4 * 400);
    }
  }
}

TEST(BlockCache, BlocksThatStayAreFoundWithoutAcquiring) {
  const NumberedBlocks source(4);
  const BlockCache pin(source, {800, 0, CachePolicy::pin});
  EXPECT_EQ(pin.find(0), nullptr);
  for (uint64_t block = 0; block < 4; ++block) pin.acquire(block);
  EXPECT_TRUE(is_block(source, 0, pin.find(0)));
  EXPECT_TRUE(is_block(source, 1, pin.find(1)));
  EXPECT_EQ(pin.find(2), nullptr);
  const BlockCache lru(source, {800, 0, CachePolicy::lru});
  lru.acquire(0);
  EXPECT_EQ(lru.find(0), nullptr);  // it may leave
  const BlockCache large(source, {4000, 0, CachePolicy::lru});
  large.acquire(0);
  EXPECT_NE(large.find(0), nullptr);
}

TEST(BlockCache, GrowsWithItsSource) {
  NumberedBlocks source(4);
  BlockCache cache(source, {4000, 0, CachePolicy::pin});
  EXPECT_TRUE(cache.all_fit());
  const uint8_t* before = cache.acquire(0).data();
  source.grow(3);
  cache.grow();
  EXPECT_EQ(cache.find(0), before);
  EXPECT_TRUE(is_block(source, 6, cache.acquire(6).data()));
  EXPECT_EQ(thrown_by([&] { cache.acquire(7); }).code, ExitCode::internal);
}

TEST(BlockCache, TellsWhatItSaved) {
  CacheStatistics statistics;
  statistics.hits = 300;
  statistics.misses = 100;
  statistics.miss_seconds = 2;
  statistics.bytes_read = 5'000'000;
  statistics.bytes_hit = 15'000'000;
  EXPECT_DOUBLE_EQ(statistics.seconds_saved(), 6);
  EXPECT_EQ(statistics.text(),
            "300 hits, 100 misses (75.0 % hits), 0 evictions, 5.0 MB read in 2.00 s, 6.00 s saved, "
            "0.0 MB in memory");
  statistics += statistics;
  EXPECT_EQ(statistics.hits, 600u);
  EXPECT_DOUBLE_EQ(CacheStatistics{}.seconds_saved(), 0);
}

TEST(BlockCache, PoliciesHaveNames) {
  for (const CachePolicy policy : policies) {
    EXPECT_EQ(policy_from(policy_name(policy), "--io.cache_policy"), policy);
  }
  const auto thrown = thrown_by([] { policy_from("mru", "--io.cache_policy"); });
  EXPECT_EQ(thrown.code, ExitCode::usage);
  EXPECT_TRUE(thrown.mentions("--io.cache_policy"));
}

}  // namespace
}  // namespace podium::io
