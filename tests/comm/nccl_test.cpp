// Sums by NCCL between ranks that have a GPU each: closed forms, equal bits, inside a captured
// graph, and a rank that does not come. Runs under mpirun; ranks that would share a GPU skip,
// unless NCCL_HOSTID makes them two hosts for NCCL.
#include "comm/nccl.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/device_sharing.hpp"
#include "comm/nccl_support.hpp"
#include "core/cuda_handles.hpp"
#include "core/error.hpp"
#include "gpu_test.hpp"
#include "mpi_test_main.hpp"

namespace podium::comm {
namespace {

using test::environment;

TEST(NcclCheck, SaysWhatNcclSaysAndWhereAndWhatToDo) {
  EXPECT_NO_THROW(check_nccl(ncclSuccess, "a test"));
  try {
    check_nccl(ncclInvalidUsage, "summing a test");
    FAIL() << "passed an error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), ExitCode::internal);
    for (const char* part : {"NCCL: ", "summing a test", "--comm.allreduce=ring"}) {
      EXPECT_NE(text.find(part), std::string::npos) << text;
    }
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST(NcclCheck, WhatTheMachineLacksIsUnavailable) {
  for (const ncclResult_t result : {ncclUnhandledCudaError, ncclSystemError}) {
    try {
      check_nccl(result, "a test");
      FAIL() << "passed an error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
    }
  }
}

class NcclDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    PODIUM_NEEDS_GPU();
    group_ = environment->world("test");
    const AcceleratorProbe probe = probe_accelerators();
    const size_t index = static_cast<size_t>(environment->node_rank()) % probe.devices.size();
    const int gpu = probe.devices[index].ordinal;
    cuda::use_device(gpu);
    const ExchangeChoice choice = choose_exchange(share_devices(*group_, rank_device(gpu)), "");
    if (!choice.nccl && group_->size() > 1) GTEST_SKIP() << "no GPU for each: " << choice.notice;
    stream_ = cuda::make_stream();
  }

  float contribution(size_t i, int rank) const {
    return static_cast<float>(i % 97) + static_cast<float>(rank);
  }

  // Rank r contributes (i % 97) + r, of which sums are exact.
  void fill(const cuda::ManagedBuffer<float>& values) const {
    for (size_t i = 0; i < values.size(); ++i) {
      values.data()[i] = contribution(i, group_->rank());
    }
  }

  float sum_at(size_t i) const {
    float sum = 0;
    for (int rank = 0; rank < group_->size(); ++rank) sum += contribution(i, rank);
    return sum;
  }

  std::unique_ptr<Communicator> group_;
  cuda::Stream stream_;
};

TEST_F(NcclDevice, SumsAreTheClosedForm) {
  NcclCommunicator nccl(*group_, 100'003);
  for (const size_t count : {size_t{1}, size_t{7}, size_t{4099}, size_t{100'003}}) {
    cuda::ManagedBuffer<float> values(count, "a test");
    fill(values);
    nccl.sum(values.span(), stream_.get());
    nccl.wait(stream_.get(), "a sum of a test");
    size_t wrong = 0;
    for (size_t i = 0; i < count; ++i) wrong += values.data()[i] != sum_at(i) ? 1 : 0;
    EXPECT_EQ(wrong, 0U) << count << " elements";
  }
  barrier(*group_, {});
}

TEST_F(NcclDevice, WeightsAreEachRanksOwn) {
  NcclCommunicator nccl(*group_, 13);
  cuda::ManagedBuffer<float> values(13, "a test");
  std::ranges::fill(values.span(), 4.0F);
  const float weight = static_cast<float>(group_->rank() + 1) * 0.5F;
  nccl.weighted_sum(values.span(), weight, stream_.get());
  nccl.wait(stream_.get(), "a sum of a test");
  const float ranks = static_cast<float>(group_->size());
  for (const float value : values.span()) EXPECT_EQ(value, ranks * (ranks + 1));
  barrier(*group_, {});
}

// Sums that round differently in different orders must still be the same bits on every rank.
TEST_F(NcclDevice, BitsAgree) {
  constexpr size_t count = 50'001;
  NcclCommunicator nccl(*group_, count);
  cuda::ManagedBuffer<float> values(count, "a test");
  for (size_t i = 0; i < count; ++i) {
    values.data()[i] = 1.0F / static_cast<float>(i + 3 + static_cast<size_t>(group_->rank()) * 7);
  }
  nccl.sum(values.span(), stream_.get());
  nccl.wait(stream_.get(), "a sum of a test");
  const std::string mine(reinterpret_cast<const char*>(values.data()), values.bytes());
  EXPECT_TRUE(broadcast_text(*group_, mine, 0) == mine) << "rank " << group_->rank();
}

TEST_F(NcclDevice, ACapturedSumRunsAsOftenAsItIsLaunched) {
  constexpr size_t count = 1000;
  NcclCommunicator nccl(*group_, count);
  cuda::ManagedBuffer<float> values(count, "a test");
  const cuda::Stream side = cuda::make_stream();
  const cuda::Event fork = cuda::make_event();
  const cuda::Event join = cuda::make_event();
  {
    const cuda::GraphExec graph = cuda::capture(stream_.get(), [&] {
      cuda::record(fork, stream_.get());
      cuda::wait(side.get(), fork);
      nccl.sum(values.span(), side.get());
      cuda::record(join, side.get());
      cuda::wait(stream_.get(), join);
    });
    for (int launch = 1; launch <= 3; ++launch) {
      fill(values);
      barrier(*group_, {});
      cuda::launch(graph, stream_.get());
      nccl.wait(stream_.get(), "a captured sum of a test");
      size_t wrong = 0;
      for (size_t i = 0; i < count; ++i) wrong += values.data()[i] != sum_at(i) ? 1 : 0;
      EXPECT_EQ(wrong, 0U) << "launch " << launch;
    }
  }
  barrier(*group_, {});
}

TEST_F(NcclDevice, ARankThatDoesNotComeIsToldWithHostAndOperation) {
  if (group_->size() < 2) GTEST_SKIP() << "needs two ranks, each with a GPU";
  NcclCommunicator nccl(*group_, 10);
  if (group_->rank() == 0) {
    group_->set_policy({std::chrono::milliseconds(500), Backoff::Kind::idle});
    cuda::ManagedBuffer<float> values(10, "a test");
    nccl.sum(values.span(), stream_.get());
    try {
      nccl.wait(stream_.get(), "a lonely sum");
      ADD_FAILURE() << "the absent rank went unnoticed";
    } catch (const Error& error) {
      const std::string text = error.what();
      for (const std::string& part :
           {std::string("rank 0 of group 'test'"), exchange_host(), std::string("a lonely sum")}) {
        EXPECT_NE(text.find(part), std::string::npos) << text;
      }
    }
    group_->set_policy({});
    EXPECT_NO_THROW(cuda::synchronise(stream_.get())) << "the lonely sum goes on";
  }
  barrier(*group_, {});
}

}  // namespace
}  // namespace podium::comm
