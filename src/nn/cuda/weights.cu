#include <algorithm>
#include <functional>
#include <span>

#include "core/cuda_check.hpp"
#include "nn/cuda/launch.hpp"
#include "nn/cuda/numbers.cuh"
#include "nn/cuda/weights.hpp"
#include "nn/network_plan.hpp"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

// blockIdx.y is the pair; the blocks of one row go over its elements.
__global__ void load_pairs(const WeightPair* pairs) {
  const WeightPair pair = pairs[blockIdx.y];
  const size_t count = pair.shape.computed_count();
  for (size_t i = thread_index(); i < count; i += thread_count()) {
    const size_t from = pair.shape.canonical_of(i);
    const float value = from == FilterShape::none ? 0.0F : pair.canonical[from];
    if (pair.type == NumberType::fp32) {
      static_cast<float*>(pair.computed)[i] = value;
    } else {
      static_cast<__nv_bfloat16*>(pair.computed)[i] = from_float<__nv_bfloat16>(value);
    }
  }
}

__global__ void store_pairs(const WeightPair* pairs) {
  const WeightPair pair = pairs[blockIdx.y];
  const size_t count = pair.shape.canonical_count();
  for (size_t i = thread_index(); i < count; i += thread_count()) {
    const size_t from = pair.shape.computed_of(i);
    pair.canonical[i] = pair.type == NumberType::fp32
                            ? static_cast<const float*>(pair.computed)[from]
                            : to_float(static_cast<const __nv_bfloat16*>(pair.computed)[from]);
  }
}

__device__ float norm_factor(const FoldWork& work, size_t o) {
  return work.norm_scale == nullptr
             ? 1.0F
             : work.norm_scale[o] / sqrtf(work.running_variance[o] + kNormEpsilon);
}

template <typename T>
__global__ void fold_kernel(FoldWork work) {
  const size_t count = work.shape.computed_count();
  const size_t per_output = count / static_cast<size_t>(work.shape.outputs);
  T* filter = static_cast<T*>(work.filter);
  for (size_t i = thread_index(); i < count; i += thread_count()) {
    const size_t from = work.shape.canonical_of(i);
    const float weight = from == FilterShape::none ? 0.0F : work.weights[from];
    filter[i] = from_float<T>(norm_factor(work, i / per_output) * weight);
  }
  const auto outputs = static_cast<size_t>(work.shape.outputs);
  for (size_t o = thread_index(); o < outputs; o += thread_count()) {
    float bias = work.bias == nullptr ? 0.0F : work.bias[o];
    if (work.norm_scale != nullptr) {
      bias = norm_factor(work, o) * (bias - work.running_mean[o]) + work.norm_scale[outputs + o];
    }
    work.new_bias[o] = bias;
  }
}

dim3 grid_for(std::span<const WeightPair> pairs) {
  size_t largest = 0;
  for (const WeightPair& pair : pairs) largest = std::max(largest, pair.shape.computed_count());
  // A few elements a thread in the largest layer; most layers have fewer.
  const unsigned blocks = std::min(blocks_for(largest / 4 + 1), 512U);
  return {blocks, static_cast<unsigned>(pairs.size()), 1};
}

bool lies_before(const WeightPair& pair, const float* place) {
  return std::less<>()(pair.canonical, place);
}

}  // namespace

void* WeightTable::add(float* canonical, const FilterShape& shape, NumberType type) {
  const auto found = known_.find({canonical, type});
  if (found != known_.end()) return found->second;
  memory_.emplace_back(shape.computed_count() * bytes_of(type), "copies of the weights");
  void* computed = memory_.back().data();
  const auto place = std::ranges::lower_bound(
      pairs_, canonical, std::less<>(), [](const WeightPair& pair) { return pair.canonical; });
  pairs_.insert(place, {canonical, computed, shape, type});
  known_[{canonical, type}] = computed;
  on_device_ = podium::cuda::DeviceBuffer<WeightPair>(pairs_.size(), "the table of weights");
  podium::cuda::copy_now(on_device_.data(), pairs_.data(), on_device_.bytes());
  return computed;
}

void WeightTable::load(cudaStream_t stream) const {
  if (pairs_.empty()) return;
  load_pairs<<<grid_for(pairs_), kBlock, 0, stream>>>(on_device_.data());
  check_launch("copying weights");
}

void WeightTable::store(const float* begin, const float* end, cudaStream_t stream) const {
  const auto first = std::lower_bound(pairs_.begin(), pairs_.end(), begin, lies_before);
  const auto last = std::lower_bound(first, pairs_.end(), end, lies_before);
  if (first == last) return;
  store_pairs<<<grid_for({first, last}), kBlock, 0, stream>>>(on_device_.data() +
                                                              (first - pairs_.begin()));
  check_launch("copying gradients");
}

void WeightTable::store(cudaStream_t stream) const {
  if (pairs_.empty()) return;
  store(pairs_.front().canonical, pairs_.back().canonical + 1, stream);
}

void fold(const FoldWork& work, cudaStream_t stream) {
  with_type(work.type, [&](auto number) {
    fold_kernel<decltype(number)>
        <<<blocks_for(work.shape.computed_count()), kBlock, 0, stream>>>(work);
  });
  check_launch("folding a batch norm");
}

}  // namespace podium::nn::cuda
