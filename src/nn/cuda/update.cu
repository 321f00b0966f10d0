#include <vector>

#include "core/cuda_check.hpp"
#include "nn/cuda/launch.hpp"
#include "nn/cuda/numbers.cuh"
#include "nn/cuda/update.hpp"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

__device__ float value_of(const LateFloat& number) {
  return number.later == nullptr ? number.now : *number.later;
}

// The last range that begins at `index` or before: ranges lie in order.
__device__ int range_of(const SgdRange* ranges, int count, size_t index) {
  int low = 0;
  int high = count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (ranges[middle].begin <= index) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

__global__ void sgd_kernel(const SgdRange* ranges, int range_count, size_t count,
                           SgdOptions options, LateFloat learning_rate, SgdMemory memory) {
  const float rate = value_of(learning_rate);
  for (size_t i = thread_index(); i < count; i += thread_count()) {
    const SgdRange range = ranges[range_of(ranges, range_count, i)];
    if (i < range.begin || i >= range.end) continue;  // a gap between buffers
    sgd_update(memory.parameters[i], memory.gradients[i], memory.momentum[i], range.lr(rate),
               options.momentum, range.keep(rate, options.weight_decay));
  }
}

__global__ void approach_kernel(float* weights, float* average, size_t count, LateFloat share,
                                bool lookahead) {
  const float by = value_of(share);
  if (by == 0.0F) return;
  for (size_t i = thread_index(); i < count; i += thread_count()) {
    const float value = approached(average[i], weights[i], by);
    average[i] = value;
    if (lookahead) weights[i] = value;
  }
}

}  // namespace

DeviceRanges::DeviceRanges(std::span<const SgdRange> ranges)
    : ranges_(ranges.size(), "the ranges of the optimizer"),
      parameters_(ranges.empty() ? 0 : ranges.back().end) {
  podium::cuda::copy_now(ranges_.data(), ranges.data(), ranges.size_bytes());
}

void sgd(const DeviceRanges& ranges, const SgdOptions& options, const LateFloat& learning_rate,
         const SgdMemory& memory, cudaStream_t stream) {
  const size_t count = ranges.parameters();
  if (count == 0) return;
  sgd_kernel<<<blocks_for(count), kBlock, 0, stream>>>(ranges.data(), ranges.count(), count,
                                                       options, learning_rate, memory);
  check_launch("optimizer");
}

void approach(float* weights, float* average, size_t count, const LateFloat& share, bool lookahead,
              cudaStream_t stream) {
  if (count == 0) return;
  approach_kernel<<<blocks_for(count), kBlock, 0, stream>>>(weights, average, count, share,
                                                            lookahead);
  check_launch("average of the weights");
}

}  // namespace podium::nn::cuda
