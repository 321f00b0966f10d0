// Thousands of runs of servers and workers on a network that loses, delays and doubles messages, in
// which servers and workers die and come back: what every consistency and every acknowledgement
// promises holds in each, and a seed gives the same run again.
#include <gtest/gtest.h>

#include "ps/simulated_cluster.hpp"

namespace podium::ps::test {
namespace {

struct Story {
  const char* name;
  Consistency consistency;
  uint64_t staleness;
  int servers;
  int replicas;
  double faults;  // share of messages dropped, doubled and delayed, each
  int server_deaths;
  int worker_deaths;
};
void PrintTo(const Story& story, std::ostream* out) {
  *out << story.name;
}

ClusterOptions cluster_of(const Story& story, uint64_t seed) {
  ClusterOptions options;
  options.seed = seed;
  options.group.servers = story.servers;
  options.group.replicas = story.replicas;
  options.group.consistency = story.consistency;
  options.group.staleness = story.staleness;
  options.faults.drop = story.faults;
  options.faults.duplicate = story.faults;
  options.faults.delay = story.faults;
  options.server_deaths = story.server_deaths;
  options.worker_deaths = story.worker_deaths;
  return options;
}

class Simulation : public testing::TestWithParam<Story> {};

constexpr uint64_t seeds = 400;

TEST_P(Simulation, KeepsItsPromises) {
  const Story& story = GetParam();
  std::vector<uint64_t> ages;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    SimulatedCluster cluster(cluster_of(story, seed));
    cluster.run();
    ASSERT_TRUE(cluster.wrong().empty())
        << "seed " << seed << ", " << cluster.wrong().size() << " wrong; " << cluster.wrong()[0];
    ages.resize(std::max(ages.size(), cluster.ages().size()));
    for (size_t age = 0; age < cluster.ages().size(); ++age) ages[age] += cluster.ages()[age];
  }
  ASSERT_GT(ages[0], 0u);
  switch (story.consistency) {
    case Consistency::bsp:
      EXPECT_EQ(ages.size(), 1u);
      break;
    case Consistency::ssp:
      // The bound holds, and is reached: it is not that nobody was ever ahead.
      EXPECT_EQ(ages.size(), story.staleness + 1);
      break;
    case Consistency::asp:
      EXPECT_GT(ages.size(), 2u);
      break;
  }
}

TEST_P(Simulation, ASeedGivesTheSameRun) {
  const Story& story = GetParam();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimulatedCluster once(cluster_of(story, seed));
    SimulatedCluster again(cluster_of(story, seed));
    SimulatedCluster other(cluster_of(story, seed + 1));
    once.run();
    again.run();
    other.run();
    EXPECT_EQ(once.log_hash(), again.log_hash());
    EXPECT_EQ(once.messages(), again.messages());
    EXPECT_EQ(once.theta(), again.theta());
    EXPECT_NE(once.log_hash(), other.log_hash());
  }
}

constexpr Consistency bsp = Consistency::bsp;
constexpr Consistency ssp = Consistency::ssp;
constexpr Consistency asp = Consistency::asp;

INSTANTIATE_TEST_SUITE_P(Stories, Simulation,
                         testing::Values(Story{"bsp_calm", bsp, 0, 2, 0, 0, 0, 0},
                                         Story{"bsp_lossy", bsp, 0, 2, 0, 0.05, 0, 0},
                                         Story{"bsp_deaths", bsp, 0, 3, 1, 0, 3, 0},
                                         Story{"bsp_all", bsp, 0, 3, 1, 0.03, 3, 2},
                                         Story{"ssp_calm", ssp, 1, 2, 0, 0, 0, 0},
                                         Story{"ssp_lossy", ssp, 2, 2, 0, 0.05, 0, 0},
                                         Story{"ssp_deaths", ssp, 1, 3, 1, 0, 3, 0},
                                         Story{"ssp_all", ssp, 1, 4, 2, 0.03, 3, 2},
                                         Story{"asp_lossy", asp, 0, 2, 0, 0.05, 0, 0},
                                         Story{"asp_all", asp, 0, 3, 2, 0.03, 3, 2}),
                         [](const auto& story) { return std::string(story.param.name); });

// One death without a restart: the backups carry on alone.
TEST(Failover, BackupsCarryOnAlone) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    ClusterOptions options = cluster_of({"", ssp, 1, 3, 1, 0.02, 1, 0}, seed);
    options.restarts = false;
    SimulatedCluster cluster(options);
    cluster.run();
    ASSERT_TRUE(cluster.wrong().empty()) << "seed " << seed << ": " << cluster.wrong()[0];
  }
}

}  // namespace
}  // namespace podium::ps::test
