// The collectives over ranks that are threads, for 1 to 8 ranks, and the waits that must not hang.
#include <gtest/gtest.h>

#include <thread>

#include "comm/collective_checks.hpp"
#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"

namespace podium {
namespace {

using comm::Communicator;
using comm::InprocWorld;

// Runs `body` on every rank of a new world, each in a thread.
template <typename Body>
void on_ranks(int ranks, Body body) {
  InprocWorld world(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&world, rank, &body] {
      const std::unique_ptr<Communicator> group = world.communicator(rank);
      body(*group);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class Inproc : public testing::TestWithParam<int> {};

TEST_P(Inproc, CollectivesGiveTheClosedForms) {
  on_ranks(GetParam(), [](Communicator& group) { test::check_all(group); });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Inproc, testing::Range(1, 9));

TEST(InprocBarrier, NobodyLeavesBeforeAllHaveEntered) {
  std::atomic<int> entered{0};
  on_ranks(5, [&](Communicator& group) {
    for (int round = 1; round <= 20; ++round) {
      ++entered;
      comm::barrier(group, {});
      EXPECT_GE(entered.load(), 5 * round);
      comm::barrier(group, {});
    }
  });
}

TEST(InprocWait, AWaitPastItsLimitNamesRankPeerAndOperation) {
  InprocWorld world(2, "train");
  const std::unique_ptr<Communicator> group = world.communicator(1);
  group->set_policy({std::chrono::milliseconds(20), Backoff::Kind::idle});
  std::vector<float> data(10);
  try {
    comm::ring_allreduce(*group, std::span<float>(data));
    FAIL() << "the absent rank 0 went unnoticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::internal);
    const std::string text = error.what();
    EXPECT_NE(text.find("rank 1 of group 'train'"), std::string::npos) << text;
    EXPECT_NE(text.find("rank 0 has not arrived"), std::string::npos) << text;
    EXPECT_NE(text.find("AllReduce"), std::string::npos) << text;
  }
}

TEST(InprocReceive, AMessageOfAnotherLengthIsRefused) {
  InprocWorld world(2);
  const std::unique_ptr<Communicator> sender = world.communicator(0);
  const std::unique_ptr<Communicator> receiver = world.communicator(1);
  const std::vector<std::byte> three(3);
  std::vector<std::byte> four(4);
  comm::send(*sender, three, 1, 5);
  EXPECT_THROW(comm::receive(*receiver, four, 0, 5), Error);
}

TEST(InprocProbe, FindsByTagAndKeepsOrder) {
  InprocWorld world(2);
  const std::unique_ptr<Communicator> sender = world.communicator(0);
  const std::unique_ptr<Communicator> receiver = world.communicator(1);
  EXPECT_FALSE(comm::try_receive(*receiver, comm::any_rank, comm::any_tag));
  comm::send(*sender, std::vector<std::byte>(1), 1, 7);
  comm::send(*sender, std::vector<std::byte>(2), 1, 8);
  comm::send(*sender, std::vector<std::byte>(3), 1, 7);
  EXPECT_EQ(comm::try_receive(*receiver, 0, 8)->bytes.size(), 2U);
  EXPECT_EQ(comm::try_receive(*receiver, comm::any_rank, 7)->bytes.size(), 1U);
  EXPECT_EQ(comm::try_receive(*receiver, comm::any_rank, comm::any_tag)->bytes.size(), 3U);
}

}  // namespace
}  // namespace podium
