// The optimizer's step and the step of an average on the device: one launch over the flat buffer
// each, by the rules of nn/update_rules.hpp.
//
// What changes from step to step may be a value, or lie in device memory, where a captured graph
// finds what the host or another kernel has put there since.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "core/cuda_buffer.hpp"
#include "nn/update_rules.hpp"

namespace podium::nn::cuda {

// A number given now, or read when the kernel runs.
struct LateFloat {
  float now = 0;
  const float* later = nullptr;  // device memory; null: `now` holds
};

// The ranges of an optimizer, on the device.
class DeviceRanges {
 public:
  DeviceRanges() = default;
  explicit DeviceRanges(std::span<const SgdRange> ranges);

  const SgdRange* data() const { return ranges_.data(); }
  int count() const { return static_cast<int>(ranges_.size()); }
  size_t parameters() const { return parameters_; }

 private:
  podium::cuda::DeviceBuffer<SgdRange> ranges_;
  size_t parameters_ = 0;  // up to the end of the last range
};

void sgd(const DeviceRanges& ranges, const SgdOptions& options, const LateFloat& learning_rate,
         const SgdMemory& memory, cudaStream_t stream);

// average <- average + share * (weights - average), nothing where the share is 0. With `lookahead`
// the weights then become the average.
void approach(float* weights, float* average, size_t count, const LateFloat& share, bool lookahead,
              cudaStream_t stream);

}  // namespace podium::nn::cuda
