// The same collectives over real MPI ranks, and the environment's facts.
#include <gtest/gtest.h>

#include "comm/collective_checks.hpp"
#include "mpi_test_main.hpp"

namespace podium {
namespace {

using test::environment;

TEST(Mpi, CollectivesGiveTheClosedForms) {
  const std::unique_ptr<comm::Communicator> group = environment->world("world");
  test::check_all(*group);
}

TEST(Mpi, SplitMakesGroupsInOrderOfRank) {
  const int rank = environment->rank();
  const std::unique_ptr<comm::Communicator> group = environment->split("halves", rank % 2);
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(group->rank(), rank / 2);
  test::check_all(*group);
  EXPECT_EQ(environment->split("none", -1), nullptr);
}

TEST(Mpi, TwoCommunicatorsServeTwoThreads) {
  const std::unique_ptr<comm::Communicator> one = environment->world("one");
  const std::unique_ptr<comm::Communicator> two = environment->world("two");
  std::thread other([&] { test::check_all(*two); });
  test::check_all(*one);
  other.join();
}

TEST(Mpi, RanksOfThisNodeAreCounted) {
  EXPECT_EQ(environment->node_ranks(), environment->size());
}

}  // namespace
}  // namespace podium
