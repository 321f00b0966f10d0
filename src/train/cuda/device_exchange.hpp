// DeviceExchange: how trainers sum gradients that lie on GPUs, without their hosts: what a
// GradientSync offers to an engine that enqueues whole steps.
#pragma once

#include <cuda_runtime_api.h>

#include <span>

namespace podium::train {

class DeviceExchange {
 public:
  virtual ~DeviceExchange() = default;

  // A part of the gradients that is complete once `stream` gets here begins to be replaced, on
  // every trainer, by the sum over trainers, to the same bits everywhere. `stream` does not wait:
  // the backward pass goes on. Also while `stream` is captured into a graph: other streams are
  // drawn in by events. All trainers fork the same parts in the same order.
  virtual void fork(std::span<float> part, cudaStream_t stream) = 0;
  // `stream` waits for all parts that were forked, of which there is one at least.
  virtual void join(cudaStream_t stream) = 0;

  // Waits for all work of `stream`. Throws when a trainer has failed or does not answer in time,
  // naming the operation.
  virtual void wait(cudaStream_t stream) = 0;
};

}  // namespace podium::train
