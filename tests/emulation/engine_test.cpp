// The checkpoint engine through an emulated GPU: ranks and workers are threads of this process, to
// which its IPC handles lead. Weights arrive in every byte, on the GPU and on the host, within a
// pod and from another; a wrong checksum is found where they arrived.
#include "ckpt/engine/engine.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "ckpt/engine/device_stages.hpp"
#include "ckpt/engine/receiver.hpp"
#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt::engine {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds patience{20'000};
constexpr uint64_t bucket_bytes = 4096;

std::vector<Piece> whole_model() {
  return {{"odd", {77}, 1, 0, 77}, {"huge", {11, 1001}, 4, 0, 44044}, {"one", {1}, 4, 0, 4}};
}

std::byte value(uint64_t version, uint64_t index) {
  return static_cast<std::byte>((version * 31 + index * 13 + index / 256) % 251);
}

EngineOptions options(Schedule schedule) {
  EngineOptions options;
  options.schedule = schedule;
  options.bucket_bytes = bucket_bytes;
  options.secret = "open sesame";
  options.log = Log(LogLevel::error, "");
  options.gpu = 0;
  return options;
}

std::unique_ptr<HostShard> shard_of(Engine& engine, comm::Communicator& group, uint64_t version) {
  auto shard = engine.make_shard(version, "",
                                 slice_of(whole_model(), static_cast<size_t>(group.rank()),
                                          static_cast<size_t>(group.size())));
  for (size_t i = 0; i < shard->metas().pieces.size(); ++i) {
    const std::span<std::byte> bytes = shard->piece(i);
    for (uint64_t k = 0; k < bytes.size(); ++k) {
      bytes[k] = value(version, shard->metas().pieces[i].first + k);
    }
  }
  shard->seal();
  return shard;
}

size_t wrong_bytes(const Weights& weights) {
  size_t wrong = 0;
  for (const Tensor& tensor : weights.layout.tensors) {
    for (uint64_t i = 0; i < tensor.bytes; ++i) {
      const uint64_t place = tensor.place + i;
      if (place < weights.first || place >= weights.first + weights.bytes) continue;
      if (weights.memory.bytes()[place - weights.first] != value(weights.version(), i)) ++wrong;
    }
  }
  return wrong;
}

// A worker that takes `updates` updates.
void work(const std::string& gate, ReceiverOptions options, uint64_t updates) {
  options.limit = patience;
  Receiver receiver(gate, options);
  for (uint64_t version = 1; version <= updates; ++version) {
    EXPECT_TRUE(receiver.take(patience)) << receiver.why();
    EXPECT_EQ(receiver.weights().version(), version);
    EXPECT_EQ(wrong_bytes(receiver.weights()), 0U);
  }
}

// What one rank does: the leader of a pod starts its three workers.
void run_rank(comm::Communicator& group, int pods, Schedule schedule) {
  constexpr uint64_t updates = 3;
  Engine engine(group, pods, options(schedule));
  EXPECT_TRUE(engine.on_gpus());
  const Pods pods_of(group.size(), pods);
  std::vector<std::thread> workers;
  if (pods_of.first(pods_of.of(group.rank())) == group.rank()) {
    workers.emplace_back(work, engine.gate(), ReceiverOptions{"host", 0, 1, patience, false},
                         updates);
    for (size_t part : {0U, 1U}) {
      workers.emplace_back(work, engine.gate(), ReceiverOptions{"gpu", part, 2, patience, true},
                           updates);
    }
  }
  for (uint64_t version = 1; version <= updates; ++version) {
    engine.hold(shard_of(engine, group, version));
    const UpdateReport report = engine.update(3, patience);
    EXPECT_TRUE(report.committed) << report.reason;
    EXPECT_EQ(report.workers, static_cast<size_t>(3 * pods));
  }
  for (std::thread& worker : workers) worker.join();
}

void run_engine(int ranks, int pods, Schedule schedule) {
  comm::InprocWorld world(ranks, "engine");
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto group = world.communicator(rank);
      run_rank(*group, pods, schedule);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CudaEngine, GivesEveryPodTheSameBytesByEverySchedule) {
  for (const Schedule schedule :
       {Schedule::one, Schedule::two, Schedule::three, Schedule::automatic}) {
    run_engine(1, 1, schedule);
    run_engine(3, 1, schedule);
    run_engine(3, 2, schedule);
  }
}

// One bucket of one rank, stage by stage.
class CudaStages : public testing::Test {
 protected:
  CudaStages() {
    shard_ = stages_->shard_memory(bucket_bytes);
    for (size_t i = 0; i < bucket_bytes; ++i) shard_.bytes()[i] = value(1, i);
  }

  // The checksum of what place() left, whose second half goes `to`.
  static uint64_t take_second_half(Intake& intake, std::byte* to) {
    Bucket bucket;
    bucket.bytes = bucket_bytes;
    const Chunk chunk{0, bucket_bytes, 0};
    Wanted wanted;
    wanted.moves.push_back({to, bucket_bytes / 2, bucket_bytes / 2});
    wanted.parts.push_back({&chunk, 0, 1, 0});
    intake.take(7, bucket, wanted);
    return wanted.parts.front().hash;
  }
  uint64_t take_second_half(const size_t* keeper, Block* to) const {
    const auto handles = nlohmann::ordered_json::array({stages_->handle()});
    const auto intake = make_intake(segment_, handles, bucket_bytes, keeper);
    *to = intake->shadow_memory(bucket_bytes / 2);
    return take_second_half(*intake, to->bytes());
  }

  const Segment segment_{2, note_bytes};
  const std::unique_ptr<Stages> stages_ =
      make_device_stages(segment_, Buffers{2, 2, bucket_bytes}, 0, 0);
  Block shard_;
};

TEST_F(CudaStages, BringABucketToTheHostAndToTheGpu) {
  stages_->upload(1, shard_.span());
  stages_->place(7, 1, bucket_bytes);
  const size_t first = 0;
  for (const size_t* keeper : {static_cast<const size_t*>(nullptr), &first}) {
    Block half;
    EXPECT_EQ(take_second_half(keeper, &half), xxh3(shard_.span()));
    EXPECT_EQ(std::memcmp(half.bytes(), shard_.bytes() + bucket_bytes / 2, half.size()), 0);
  }
}

TEST_F(CudaStages, ALandedBucketIsReadLikeAPlacedOne) {
  std::ranges::copy(shard_.span(), stages_->landing(7, bucket_bytes).begin());
  stages_->landed(7, bucket_bytes);
  Block half;
  EXPECT_EQ(take_second_half(nullptr, &half), xxh3(shard_.span()));
}

TEST_F(CudaStages, TheHostStillHasWhatGoesToOtherPods) {
  stages_->upload(0, shard_.span());
  EXPECT_EQ(stages_->outgoing(0, 100).data(), shard_.bytes());
}

TEST_F(CudaStages, AllocateNothingOnTheWay) {
  const size_t before = emulated::counts().allocations;
  for (uint64_t seq = 0; seq < 5; ++seq) {
    stages_->upload(seq % 2, shard_.span());
    stages_->place(seq, seq % 2, bucket_bytes);
    stages_->landed(seq, stages_->landing(seq, 100).size());
  }
  EXPECT_EQ(emulated::counts().allocations, before);
}

TEST_F(CudaStages, AnUnknownGpuIsNamed) {
  auto handle = stages_->handle();
  handle["uuid"] = "0badc0de";
  const auto handles = nlohmann::ordered_json::array({handle});
  try {
    make_intake(segment_, handles, bucket_bytes, nullptr);
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("0badc0de"), std::string::npos);
  }
}

// As in a process of its own, which goes by the handle and not by the address.
TEST_F(CudaStages, AreOpenedByOtherProcessesByTheHandle) {
  auto handle = stages_->handle();
  handle["process"] = "another";
  handle["address"] = 0;
  stages_->upload(0, shard_.span());
  stages_->place(7, 0, bucket_bytes);
  const auto handles = nlohmann::ordered_json::array({handle});
  const auto intake = make_intake(segment_, handles, bucket_bytes, nullptr);
  Block half = intake->shadow_memory(bucket_bytes / 2);
  EXPECT_EQ(take_second_half(*intake, half.bytes()), xxh3(shard_.span()));
  handle["ipc"] = "no handle";
  EXPECT_THROW(
      make_intake(segment_, nlohmann::ordered_json::array({handle}), bucket_bytes, nullptr), Error);
}

}  // namespace
}  // namespace podium::ckpt::engine
