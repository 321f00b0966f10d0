// NcclSync: gradients are summed where they lie, on the GPUs.
//
// Sums run on a stream of their own, so that a part of the gradients that is complete can travel
// while the backward pass computes the next: fork() sends it off, join() brings the streams
// together again. Both are events between streams, which a capture records as edges of its graph.
//
// Threads: belongs to its trainer's thread. Graphs that captured sums are destroyed before it.
#pragma once

#include "comm/nccl.hpp"
#include "core/cuda_handles.hpp"
#include "train/cuda/device_exchange.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

class NcclSync final : public GradientSync, public DeviceExchange {
 public:
  // Collective, with this trainer's GPU current; `gradients` floats are summed at once.
  NcclSync(comm::Communicator& group, size_t gradients);

  // Of an engine that waits for the host: what was enqueued on the gradients before must be done.
  void begin(std::span<float> gradients, float weight) override;
  void ready(size_t) override {}
  void finish() override;
  ExchangeTimes times() const override { return times_; }
  DeviceExchange* on_device() override { return this; }

  void sum(std::span<float> gradients, cudaStream_t stream) override;
  void wait(cudaStream_t stream) override;

  // Begins to sum a part that is complete once `stream` gets here; `stream` does not wait. All
  // trainers begin the same parts in the same order.
  void fork(std::span<float> part, cudaStream_t stream);
  // `stream` waits for all parts begun.
  void join(cudaStream_t stream);

 private:
  comm::NcclCommunicator nccl_;
  cuda::Stream stream_;
  cuda::Event complete_;        // a part, on the caller's stream
  cuda::Event summed_;          // all parts, on ours
  std::span<float> gradients_;  // of the host's step under way
  float weight_ = 1;
  ExchangeTimes times_;
};

}  // namespace podium::train
