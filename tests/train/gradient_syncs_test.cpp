// Who sums the gradients of which group. What NCCL does is in nccl_sync_test.cpp.
#include "train/gradient_syncs.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "train/allreduce_sync.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using train::Exchange;

TEST(Exchange, IsParsed) {
  EXPECT_EQ(train::parse_exchange("auto").by, Exchange::By::automatic);
  EXPECT_EQ(train::parse_exchange("nccl").by, Exchange::By::nccl);
  EXPECT_EQ(train::parse_exchange("tree").by, Exchange::By::hosts);
  EXPECT_EQ(train::parse_exchange("tree").algorithm, comm::Algorithm::tree);
  EXPECT_THROW(train::parse_exchange("trees"), Error);
}

TEST(GradientSyncs, ATrainerAloneNeedsNone) {
  test::on_ranks(1, [](comm::Communicator& group) {
    const auto sync = train::make_gradient_sync(
        {.group = group, .exchange = train::parse_exchange("nccl"), .log = {}});
    EXPECT_NE(dynamic_cast<train::NoSync*>(sync.get()), nullptr);
    EXPECT_EQ(sync->on_device(), nullptr);
  });
}

TEST(GradientSyncs, TrainersOnCpusSumByWayOfTheHosts) {
  for (const char* exchange : {"auto", "ring", "hierarchical"}) {
    test::on_ranks(3, [&](comm::Communicator& group) {
      const auto sync = train::make_gradient_sync(
          {.group = group, .exchange = train::parse_exchange(exchange), .log = {}});
      EXPECT_NE(dynamic_cast<train::AllReduceSync*>(sync.get()), nullptr);
      EXPECT_EQ(sync->on_device(), nullptr);
    });
  }
}

TEST(GradientSyncs, NcclOnDemandWithoutGpusEndsWithTheReasonOnEveryRank) {
  test::on_ranks(2, [](comm::Communicator& group) {
    try {
      train::make_gradient_sync(
          {.group = group, .exchange = train::parse_exchange("nccl"), .log = {}});
      ADD_FAILURE() << "rank " << group.rank() << " goes on";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
      const std::string text = error.what();
      EXPECT_NE(text.find("compute on CPUs"), std::string::npos) << text;
      EXPECT_NE(text.find("--comm.allreduce=nccl"), std::string::npos) << text;
    }
  });
}

}  // namespace
}  // namespace podium
