// StepGraphs: one training step as a graph of the device, from the images in its memory to the new
// weights and their average.
//
// Steps of equal size run as one recorded graph. The first of a size is enqueued call by call, as
// libraries load and allocate on their first call; the second is recorded. What a graph refers to
// stays in its place: model, tables and images outlive the object. Threads: belongs to one thread.
//
// Gradients leave in buckets while the backward pass goes on (comm/buckets.hpp): a bucket whose
// layers are done is written to the flat buffer, weighed, and forked off to the other trainers; all
// have joined again when the optimizer begins.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "comm/buckets.hpp"
#include "core/cuda_handles.hpp"
#include "nn/cuda/cuda_ops.hpp"
#include "nn/cuda/update.hpp"
#include "train/cuda/device_exchange.hpp"
#include "train/cuda/step_kernels.hpp"
#include "train/cuda/step_tables.hpp"
#include "train/epoch_table.hpp"
#include "train/training_state.hpp"

namespace podium::nn {
class Executor;
}

namespace podium::train::cuda {

class StepGraphs {
 public:
  // `exchange` is null for a trainer that is alone.
  StepGraphs(TrainingState& state, nn::CudaOps& ops, DeviceExchange* exchange,
             const StepTables& tables);

  // Enqueues the step at which the tables' cursor stands, which is as planned.
  void run(const PlannedStep& step);

 private:
  // Steps with equal ones are equal but for what the tables say.
  struct Kind {
    size_t images;
    size_t images_of_all;
    bool averages;
    auto operator<=>(const Kind&) const = default;
  };

  struct Recorded {
    bool ran = false;
    podium::cuda::GraphExec graph;
  };

  void enqueue(const PlannedStep& step);
  const nn::cuda::DeviceLoss* enqueue_gradients(const PlannedStep& step);
  void send_off(const comm::Bucket& bucket, const PlannedStep& step);
  BatchInput input_of(const nn::Executor& executor);
  void enqueue_update(bool averages);

  TrainingState& state_;
  nn::CudaOps& ops_;
  cudaStream_t stream_;  // of the ops
  DeviceExchange* exchange_;
  StepTables tables_;
  PixelShape shape_;
  size_t parameters_;
  size_t statistics_;
  // Views of the state that are asked for once, as that waits for the device.
  nn::SgdMemory memory_;
  float* gradients_;
  float* running_;  // statistics
  float* average_parameters_ = nullptr;
  float* average_statistics_ = nullptr;
  nn::cuda::DeviceRanges ranges_;      // of the optimizer
  std::vector<comm::Bucket> buckets_;  // of the gradients, as they become complete
  std::map<Kind, Recorded> recorded_;
};

}  // namespace podium::train::cuda
