// Gradients of trainers with a GPU each: weighed, summed whole and in parts, and inside a graph.
// Runs under mpirun; trainers that would share a GPU skip, unless NCCL_HOSTID makes them two hosts.
#include <gtest/gtest.h>

#include <algorithm>

#include "comm/barrier.hpp"
#include "comm/device_sharing.hpp"
#include "comm/nccl_support.hpp"
#include "core/cuda_buffer.hpp"
#include "core/cuda_handles.hpp"
#include "gpu_test.hpp"
#include "mpi_test_main.hpp"
#include "train/cuda/device_exchange.hpp"
#include "train/cuda/nccl_sync.hpp"
#include "train/gradient_syncs.hpp"

namespace podium::train {
namespace {

using test::environment;

class NcclSyncDevice : public ::testing::Test {
 protected:
  static constexpr size_t count = 10'001;

  void SetUp() override {
    PODIUM_NEEDS_GPU();
    group_ = environment->world("test");
    const AcceleratorProbe probe = probe_accelerators();
    const size_t index = static_cast<size_t>(environment->node_rank()) % probe.devices.size();
    gpu_ = probe.devices[index].ordinal;
    const auto ranks = comm::share_devices(*group_, comm::rank_device(gpu_));
    const comm::ExchangeChoice choice = comm::choose_exchange(ranks, "");
    if (!choice.nccl && group_->size() > 1) GTEST_SKIP() << "no GPU for each: " << choice.notice;
    cuda::use_device(gpu_);
    stream_ = cuda::make_stream();
    gradients_ = cuda::ManagedBuffer<float>(count, "a test");
    std::ranges::fill(gradients_.span(), mine());
  }

  // Rank r has r+1 on each element.
  float mine() const { return static_cast<float>(group_->rank() + 1); }
  float sum_of_all() const {
    const float ranks = static_cast<float>(group_->size());
    return ranks * (ranks + 1) / 2;
  }
  size_t unlike(float expected) const {
    return static_cast<size_t>(
        std::ranges::count_if(gradients_.span(), [&](float value) { return value != expected; }));
  }

  std::unique_ptr<comm::Communicator> group_;
  int gpu_ = 0;
  cuda::Stream stream_;
  cuda::ManagedBuffer<float> gradients_;
};

TEST_F(NcclSyncDevice, IsChosenForTrainersWithAGpuEach) {
  if (group_->size() < 2) GTEST_SKIP() << "a trainer alone needs no sync";
  const auto sync =
      make_gradient_sync({.group = *group_, .gpu = gpu_, .gradients = count, .log = {}});
  EXPECT_NE(dynamic_cast<NcclSync*>(sync.get()), nullptr);
  EXPECT_NE(sync->on_device(), nullptr);
  comm::barrier(*group_, {});
}

TEST_F(NcclSyncDevice, CombineWeighsAndSums) {
  NcclSync sync(*group_, count);
  sync.combine(gradients_.span(), 0.5F * mine());
  float expected = 0;
  for (int rank = 0; rank < group_->size(); ++rank) {
    expected += 0.5F * static_cast<float>((rank + 1) * (rank + 1));
  }
  EXPECT_EQ(unlike(expected), 0U);
  EXPECT_GT(sync.times().exposed_s, 0.0);
  comm::barrier(*group_, {});
}

TEST_F(NcclSyncDevice, PartsTravelByThemselves) {
  NcclSync sync(*group_, count);
  const std::span<float> all = gradients_.span();
  sync.fork(all.subspan(6000), stream_.get());
  sync.fork(all.first(6000), stream_.get());
  sync.join(stream_.get());
  sync.wait(stream_.get());
  EXPECT_EQ(unlike(sum_of_all()), 0U);
  comm::barrier(*group_, {});
}

TEST_F(NcclSyncDevice, ACapturedStepSumsAtEachLaunch) {
  NcclSync sync(*group_, count);
  DeviceExchange& exchange = *sync.on_device();
  {
    const cuda::GraphExec step =
        cuda::capture(stream_.get(), [&] { exchange.sum(gradients_.span(), stream_.get()); });
    for (int launch = 1; launch <= 2; ++launch) {
      std::ranges::fill(gradients_.span(), mine());
      comm::barrier(*group_, {});
      cuda::launch(step, stream_.get());
      exchange.wait(stream_.get());
      EXPECT_EQ(unlike(sum_of_all()), 0U) << "launch " << launch;
    }
  }
  comm::barrier(*group_, {});
}

}  // namespace
}  // namespace podium::train
