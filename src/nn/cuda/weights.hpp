// The copies of weights that kernels multiply, and the gradients that they write: in their own
// layout and type (filter_layout.hpp), aligned for any engine.
//
// All layers of a model's training are in one table (a backend has one model, whose weights stay):
// one launch refreshes all copies from the canonical weights, and one writes all canonical
// gradients. Executors of several batch sizes share the copies. The copies never move, so that a
// captured graph stays valid; tables are made outside of captures.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "core/cuda_buffer.hpp"
#include "nn/cuda/filter_layout.hpp"
#include "nn/cuda/number_type.hpp"

namespace podium::nn::cuda {

// One pair of canonical and computed memory, as kernels read it.
struct WeightPair {
  float* canonical = nullptr;
  void* computed = nullptr;
  FilterShape shape;
  NumberType type = NumberType::fp32;
};

class WeightTable {
 public:
  // The computed counterpart of `canonical`, zero at first; the same for the same address and type.
  void* add(float* canonical, const FilterShape& shape, NumberType type);

  // canonical -> computed, of all pairs.
  void load(cudaStream_t stream) const;
  // computed -> canonical, of the pairs that begin in [begin, end), and of all.
  void store(const float* begin, const float* end, cudaStream_t stream) const;
  void store(cudaStream_t stream) const;

 private:
  std::vector<WeightPair> pairs_;  // by canonical address
  std::map<std::pair<const float*, NumberType>, void*> known_;
  std::vector<podium::cuda::DeviceBuffer<std::byte>> memory_;
  podium::cuda::DeviceBuffer<WeightPair> on_device_;  // of pairs_
};

// Where an inference layer keeps its weights. Executors of all batch sizes share them.
struct FoldedWeights {
  podium::cuda::DeviceBuffer<std::byte> filter;  // computed
  podium::cuda::DeviceBuffer<float> bias;        // [O]
};

// The weights of an inference layer: copied, with the batch norm behind it folded in, if there is
// one (nn/cpu/folded_norm.hpp): a = scale / sqrt(running variance + epsilon), filter * a, and
// a * (bias - running mean) + shift. All but the results are canonical; what a layer lacks is null.
struct FoldWork {
  const float* weights = nullptr;
  const float* bias = nullptr;
  const float* norm_scale = nullptr;  // directly followed by shift
  const float* running_mean = nullptr;
  const float* running_variance = nullptr;
  void* filter = nullptr;     // computed
  float* new_bias = nullptr;  // [O]
  FilterShape shape;
  NumberType type = NumberType::fp32;
};
void fold(const FoldWork& work, cudaStream_t stream);

}  // namespace podium::nn::cuda
