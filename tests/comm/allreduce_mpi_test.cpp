// The algorithms of AllReduce over real MPI ranks, MPI's own among them.
#include <gtest/gtest.h>

#include "comm/allreduce_checks.hpp"
#include "mpi_test_main.hpp"

namespace podium::comm {
namespace {

using test::environment;

class AllReduceOverMpi : public testing::TestWithParam<Algorithm> {};

TEST_P(AllReduceOverMpi, SumsAreExactAndBitsAgree) {
  const std::unique_ptr<Communicator> group = environment->world("world");
  test::check_algorithm(*group, GetParam());
}

TEST_P(AllReduceOverMpi, SeveralNodes) {
  const std::unique_ptr<Communicator> group = environment->world("nodes");
  test::check_algorithm(*group, GetParam(), "node " + std::to_string(group->rank() / 2));
}

TEST_P(AllReduceOverMpi, PartsOfTheWorldSumAtTheSameTime) {
  const std::unique_ptr<Communicator> group = environment->split("halves", environment->rank() % 2);
  test::check_algorithm(*group, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Each, AllReduceOverMpi,
                         testing::Values(Algorithm::automatic, Algorithm::ring, Algorithm::halving,
                                         Algorithm::tree, Algorithm::hierarchical, Algorithm::mpi),
                         [](const auto& one) { return name_of(one.param); });

TEST(AllReduceCalibration, AllRanksChooseAlike) {
  const std::unique_ptr<Communicator> group = environment->world("measured");
  AllReduceOptions options;
  options.measure = true;
  const AllReduce allreduce(*group, options);
  EXPECT_EQ(allreduce.notice(), "");
  EXPECT_EQ(broadcast_text(*group, allreduce.model().table(), 0), allreduce.model().table());
}

}  // namespace
}  // namespace podium::comm
