// A rank that is stopped, slowed or killed in the middle of a sum, over real MPI: by each
// algorithm, on one node and on what is taken for two, for a short and a long vector.
#include <gtest/gtest.h>

#include "app/process.hpp"
#include "comm/allreduce/cost_model.hpp"

namespace podium {
namespace {

using comm::Algorithm;

struct Way {
  Algorithm algorithm;
  int ranks = 3;
  int per_node = 3;
  const char* wire = "fp32";
};

class Stall : public testing::TestWithParam<std::tuple<Way, int>> {
 protected:
  test::Process start(const std::string& fault) const {
    const auto& [way, count] = GetParam();
    return test::Process({PODIUM_MPIRUN, "-n", std::to_string(way.ranks), PODIUM_STALL_PROGRAM,
                          comm::name_of(way.algorithm), std::to_string(count), fault,
                          std::to_string(way.per_node), way.wire});
  }
};

TEST_P(Stall, AStoppedRankEndsTheJobWithItsName) {
  test::Process job = start("stop");
  const Stopwatch watch;
  EXPECT_EQ(job.wait(std::chrono::seconds(40)), 70) << job.err();
  EXPECT_LT(watch.seconds(), 30);
  const std::string text = job.err();
  for (const char* part : {"podium: error: rank ", "waited ", "of group 'stall'", "sum "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;
  }
  // Inside MPI_Allreduce nobody can tell who is missing; in all others they can.
  const bool known = std::get<0>(GetParam()).algorithm != Algorithm::mpi;
  EXPECT_NE(text.find(known ? "rank 1 has not arrived" : "inside MPI_Allreduce"), std::string::npos)
      << text;
}

TEST_P(Stall, ASlowRankIsWaitedFor) {
  test::Process job = start("slow");
  EXPECT_EQ(job.wait(std::chrono::seconds(60)), 0) << job.err();
}

TEST_P(Stall, AKilledRankEndsTheJob) {
  test::Process job = start("kill");
  const int status = job.wait(std::chrono::seconds(40));
  EXPECT_TRUE(status == 137 || status == 70) << status << job.err();
}

INSTANTIATE_TEST_SUITE_P(
    Each, Stall,
    testing::Combine(testing::Values(Way{Algorithm::ring}, Way{Algorithm::halving},
                                     Way{Algorithm::tree}, Way{Algorithm::hierarchical},
                                     Way{Algorithm::hierarchical, 4, 2, "bf16"},
                                     Way{Algorithm::mpi}),
                     testing::Values(100, 3'000'000)),
    [](const auto& one) {
      const Way& way = std::get<0>(one.param);
      return std::string(comm::name_of(way.algorithm)) +
             (way.per_node < way.ranks ? "_between_nodes_" : "_") +
             std::to_string(std::get<1>(one.param));
    });

}  // namespace
}  // namespace podium
