// Balancing policies and the histogram of latencies.
#include "serve/balancer/balancer.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"
#include "serve/latency_histogram.hpp"

namespace podium::serve {
namespace {

using Loads = std::vector<ReplicaLoad>;

TEST(Balancer, RoundRobinDealsInTurnOverThoseReady) {
  Balancer balancer(Policy::round_robin);
  const Loads all = {{true, 0}, {true, 9}, {true, 0}};
  std::vector<size_t> picked;
  for (int i = 0; i < 6; ++i) picked.push_back(*balancer.pick(all, 0));
  EXPECT_EQ(picked, (std::vector<size_t>{0, 1, 2, 0, 1, 2}));
  const Loads without_1 = {{true, 0}, {false, 0}, {true, 0}};
  picked.clear();
  for (int i = 0; i < 4; ++i) picked.push_back(*balancer.pick(without_1, 0));
  EXPECT_EQ(picked, (std::vector<size_t>{0, 2, 0, 2}));
}

TEST(Balancer, NoneReadyGivesNone) {
  for (const Policy policy : {Policy::round_robin, Policy::least_connections, Policy::hash}) {
    EXPECT_FALSE(Balancer(policy).pick(Loads{{false, 0}, {false, 0}}, 1)) << to_string(policy);
    EXPECT_FALSE(Balancer(policy).pick(Loads{}, 1)) << to_string(policy);
  }
}

TEST(Balancer, LeastConnectionsTakesTheIdlestAndTiesInTurn) {
  Balancer balancer(Policy::least_connections);
  EXPECT_EQ(balancer.pick(Loads{{true, 3}, {true, 1}, {true, 2}}, 0), 1u);
  EXPECT_EQ(balancer.pick(Loads{{true, 3}, {false, 0}, {true, 2}}, 0), 2u);
  std::map<size_t, int> counts;
  for (int i = 0; i < 30; ++i) ++counts[*balancer.pick(Loads{{true, 5}, {true, 5}, {true, 5}}, 0)];
  EXPECT_EQ(counts, (std::map<size_t, int>{{0, 10}, {1, 10}, {2, 10}}));
}

TEST(Balancer, HashKeepsKeysAndMovesOnlyThoseOfALostReplica) {
  Balancer balancer(Policy::hash);
  const Loads all = {{true, 0}, {true, 0}, {true, 0}, {true, 0}};
  Loads without_2 = all;
  without_2[2].ready = false;
  std::map<size_t, int> counts;
  for (uint64_t i = 0; i < 4000; ++i) {
    const uint64_t key = mix64(i);
    const size_t home = *balancer.pick(all, key);
    EXPECT_EQ(balancer.pick(all, key), home);
    const size_t other = *balancer.pick(without_2, key);
    EXPECT_NE(other, 2u);
    EXPECT_TRUE(other == home || home == 2);
    ++counts[home];
  }
  for (const auto& [replica, count] : counts) EXPECT_NEAR(count, 1000, 150) << replica;
}

TEST(Balancer, PoliciesHaveNames) {
  for (const Policy policy : {Policy::round_robin, Policy::least_connections, Policy::hash}) {
    EXPECT_EQ(parse_policy(to_string(policy)), policy);
  }
  EXPECT_THROW(parse_policy("random"), Error);
}

TEST(LatencyHistogram, PercentilesAreExactWithinABucket) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0);
  for (int i = 1; i <= 1000; ++i) histogram.record(i * 0.1);
  EXPECT_EQ(histogram.count(), 1000);
  EXPECT_NEAR(histogram.percentile(0.5), 50, 50 * 0.05);
  EXPECT_NEAR(histogram.percentile(0.99), 99, 99 * 0.05);
  EXPECT_NEAR(histogram.percentile(1.0), 100, 100 * 0.05);
  histogram.record(1e12);
  histogram.record(0);
  EXPECT_GT(histogram.percentile(1.0), 1e6);
}

}  // namespace
}  // namespace podium::serve
