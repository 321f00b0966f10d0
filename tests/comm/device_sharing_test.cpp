// Which ranks share a device, and what follows for the exchange of gradients: told by every rank,
// decided alike by all.
#include "comm/device_sharing.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "comm/inproc/inproc_world.hpp"
#include "comm/nccl_support.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

const RankDevice gpu_a{"node1", "GPU-a"};
const RankDevice gpu_b{"node1", "GPU-b"};
const RankDevice gpu_of_other_host{"node2", "GPU-a"};
const RankDevice cpu{"node1", ""};

using Ranks = std::vector<std::vector<int>>;

TEST(DeviceSharing, EveryRankLearnsWhereAllCompute) {
  const std::vector<RankDevice> told = {gpu_a, gpu_of_other_host, cpu, gpu_a, {"", ""}};
  InprocWorld world(static_cast<int>(told.size()));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < static_cast<int>(told.size()); ++rank) {
    threads.emplace_back([&, rank] {
      const std::unique_ptr<Communicator> group = world.communicator(rank);
      EXPECT_EQ(share_devices(*group, told[static_cast<size_t>(rank)]), told) << rank;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(DeviceSharing, ANameThatWouldBreakALineIsRefused) {
  InprocWorld world(1);
  const std::unique_ptr<Communicator> group = world.communicator(0);
  EXPECT_THROW(share_devices(*group, {"two\nhosts", "GPU-a"}), Error);
  EXPECT_THROW(share_devices(*group, {"host", "GPU\ta"}), Error);
}

TEST(DeviceSharing, RanksAreGroupedByHostAndDevice) {
  EXPECT_EQ(ranks_by_device({}), Ranks{});
  EXPECT_EQ(ranks_by_device({cpu, cpu}), Ranks{});
  EXPECT_EQ(ranks_by_device({gpu_b, gpu_a, gpu_b, cpu, gpu_of_other_host, gpu_b}),
            (Ranks{{0, 2, 5}, {1}, {4}}));
}

TEST(ExchangeChoice, NcclServesRanksWithAGpuEach) {
  const ExchangeChoice choice = choose_exchange({gpu_a, gpu_b, gpu_of_other_host}, "");
  EXPECT_TRUE(choice.nccl);
  EXPECT_EQ(choice.notice, "");
}

TEST(ExchangeChoice, RanksOnCpusAndSingleRanksNeedNoWord) {
  for (const auto& ranks : {std::vector{cpu, cpu}, std::vector{gpu_a}, std::vector{cpu}}) {
    const ExchangeChoice choice = choose_exchange(ranks, "this build has no NCCL");
    EXPECT_FALSE(choice.nccl);
    EXPECT_EQ(choice.notice, "");
  }
}

TEST(ExchangeChoice, RanksThatShareAGpuTakeMpiAndTheUserIsTold) {
  const ExchangeChoice choice = choose_exchange({gpu_b, gpu_a, gpu_a, gpu_a}, "");
  EXPECT_FALSE(choice.nccl);
  EXPECT_EQ(choice.notice,
            "gradients go by way of the hosts, over MPI: ranks 1, 2 and 3 share a GPU of host "
            "node1; start one rank per GPU for NCCL");
  EXPECT_NE(choose_exchange({gpu_a, gpu_a}, "").notice.find("ranks 0 and 1 share"),
            std::string::npos);
}

TEST(ExchangeChoice, ARankOnACpuKeepsAllFromNccl) {
  const ExchangeChoice choice = choose_exchange({gpu_a, gpu_b, cpu}, "");
  EXPECT_FALSE(choice.nccl);
  EXPECT_NE(choice.notice.find("rank 2 computes on a CPU"), std::string::npos) << choice.notice;
}

TEST(ExchangeChoice, WithoutNcclTheReasonIsTold) {
  const ExchangeChoice choice = choose_exchange({gpu_a, gpu_b}, "NCCL does not start");
  EXPECT_FALSE(choice.nccl);
  EXPECT_NE(choice.notice.find("NCCL does not start"), std::string::npos) << choice.notice;
}

TEST(NcclSupport, HasAVersionOrAReason) {
  const NcclSupport support = nccl_support();
  EXPECT_NE(support.version.empty(), support.why_not.empty());
}

TEST(NcclSupport, ARankOnACpuNamesItsHostAlone) {
  const RankDevice mine = rank_device(-1);
  EXPECT_EQ(mine.device, "");
  EXPECT_EQ(mine.host, exchange_host());
}

TEST(NcclSupport, HostsAreToldApartAsNcclDoes) {
  const char* given = std::getenv("NCCL_HOSTID");
  const std::string before = given == nullptr ? "" : given;
  setenv("NCCL_HOSTID", "another", 1);
  EXPECT_EQ(exchange_host(), "another");
  setenv("NCCL_HOSTID", "", 1);
  EXPECT_NE(exchange_host(), "");
  if (given == nullptr) {
    unsetenv("NCCL_HOSTID");
  } else {
    setenv("NCCL_HOSTID", before.c_str(), 1);
  }
}

}  // namespace
}  // namespace podium::comm
