// DeviceExchange: how trainers sum gradients that lie on GPUs, without their hosts: what a
// GradientSync offers to an engine that enqueues whole steps.
#pragma once

#include <cuda_runtime_api.h>

#include <span>

namespace podium::train {

class DeviceExchange {
 public:
  virtual ~DeviceExchange() = default;

  // Enqueues on `stream` what replaces `gradients` on every trainer by their sum over trainers, to
  // the same bits everywhere. Also while `stream` is captured into a graph: other streams are drawn
  // in by events and join again. All trainers enqueue the same exchanges in the same order.
  virtual void sum(std::span<float> gradients, cudaStream_t stream) = 0;

  // Waits for all work of `stream`. Throws when a trainer has failed or does not answer in time,
  // naming the operation.
  virtual void wait(cudaStream_t stream) = 0;
};

}  // namespace podium::train
