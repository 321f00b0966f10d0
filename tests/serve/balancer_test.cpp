// Balancing policies and the histogram of latencies.
#include "serve/balancer/balancer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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

// Requests that are not answered pile up where the policy puts them.
std::vector<size_t> pile(Policy policy, size_t replicas, int requests) {
  Balancer balancer(policy);
  Loads loads(replicas, {true, 0});
  for (int i = 0; i < requests; ++i) {
    ++loads[*balancer.pick(loads, mix64(static_cast<uint64_t>(i) % 7))].in_flight;
  }
  std::vector<size_t> piled;
  for (const ReplicaLoad& load : loads) piled.push_back(load.in_flight);
  return piled;
}

TEST(Balancer, LeastConnectionsStaysEvenWhetherItLooksAtAllOrAtTwo) {
  for (const size_t replicas : {2, 3, 4, 5, 16, 64}) {
    const std::vector<size_t> piled = pile(Policy::least_connections, replicas, 6400);
    const auto [least, most] = std::ranges::minmax(piled);
    EXPECT_LE(most - least, replicas <= Balancer::few_replicas ? 1u : 8u) << replicas;
  }
}

TEST(Balancer, LeastConnectionsOfManyLooksAtTwoOnly) {
  Balancer balancer(Policy::least_connections);
  Loads loads(10, {true, 5});
  loads[3].in_flight = 0;
  std::map<size_t, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[*balancer.pick(loads, 0)];
  EXPECT_NEAR(counts[3], 200, 60) << "2 of 10";
  EXPECT_EQ(counts.size(), 10u);
}

TEST(Balancer, HashHoldsItsBoundWithFewKeys) {
  for (const size_t replicas : {2, 3, 5, 16}) {
    const int requests = 1600;
    const std::vector<size_t> piled = pile(Policy::hash, replicas, requests);
    const double bound = std::ceil(Balancer::load_bound * requests / static_cast<double>(replicas));
    for (const size_t held : piled) EXPECT_LE(static_cast<double>(held), bound) << replicas;
  }
}

TEST(Balancer, HashMovesFewOtherKeysWhenAReplicaLeavesUnderLoad) {
  Loads loads(8, {true, 0});
  Balancer balancer(Policy::hash);
  std::vector<size_t> homes;
  for (uint64_t i = 0; i < 4000; ++i) {
    homes.push_back(*balancer.pick(loads, mix64(i)));
    ++loads[homes.back()].in_flight;
  }
  for (ReplicaLoad& load : loads) load.in_flight = 0;
  loads[5].ready = false;
  int moved = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    const size_t home = *balancer.pick(loads, mix64(i));
    ++loads[home].in_flight;
    if (homes[i] != 5 && home != homes[i]) ++moved;
  }
  EXPECT_LT(moved, 4000 / 8);
}

TEST(Balancer, AShareIsWhatAReplicaGets) {
  const Loads loads = {{true, 0, 0.5}, {true, 0}, {true, 0}};
  Balancer in_turn(Policy::round_robin);
  Balancer hash(Policy::hash);
  std::map<size_t, int> turns;
  std::map<size_t, int> keys;
  for (uint64_t i = 0; i < 5000; ++i) {
    ++turns[*in_turn.pick(loads, 0)];
    ++keys[*hash.pick(loads, mix64(i))];
  }
  EXPECT_EQ(turns, (std::map<size_t, int>{{0, 1000}, {1, 2000}, {2, 2000}}));
  EXPECT_NEAR(keys[0], 1000, 150);
  Balancer least(Policy::least_connections);
  EXPECT_EQ(least.pick(Loads{{true, 2, 0.25}, {true, 5}}, 0), 1u);
}

TEST(Balancer, AWarmingReplicaComesToItsFullShare) {
  EXPECT_DOUBLE_EQ(warm_share(0, 1000), 0.1);
  EXPECT_DOUBLE_EQ(warm_share(500, 1000), 0.55);
  EXPECT_DOUBLE_EQ(warm_share(1000, 1000), 1);
  EXPECT_DOUBLE_EQ(warm_share(0, 0), 1);
}

TEST(Balancer, EjectedReplicasServeOnlyWhenNoOtherDoes) {
  for (const Policy policy : {Policy::round_robin, Policy::least_connections, Policy::hash}) {
    Balancer balancer(policy);
    for (uint64_t i = 0; i < 20; ++i) {
      EXPECT_EQ(balancer.pick(Loads{{true, 0, 1, true}, {true, 9}, {false, 0}}, mix64(i)), 1u);
      EXPECT_EQ(balancer.pick(Loads{{true, 0, 1, true}, {false, 0}, {false, 0}}, mix64(i)), 0u);
    }
  }
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
