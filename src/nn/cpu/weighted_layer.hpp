// What convolutions and dense layers share: a forward, a backward-data and a backward-weights
// primitive around canonical weights, which are reordered once per step where oneDNN prefers
// another layout, and the mask of a fused ReLU.
#pragma once

#include <memory>

#include "nn/cpu/kernels.hpp"

namespace podium::nn::cpu {

// A primitive, and the layouts it was made with.
struct PlannedPrimitive {
  dnnl::primitive primitive;
  dnnl::memory::desc weights;  // weights read, or gradient of weights written
  dnnl::memory::desc scratchpad;
};

struct WeightedPlan {
  dnnl::memory::desc source;
  dnnl::memory::desc result;
  dnnl::memory::desc weights;  // canonical
  dnnl::memory::desc bias;     // empty without bias
  PlannedPrimitive forward;
  PlannedPrimitive backward_data;     // unused without an input gradient, and at inference
  PlannedPrimitive backward_weights;  // unused at inference
};

std::unique_ptr<Kernel> make_weighted_layer(const KernelSpec& spec, const WeightedPlan& plan);

}  // namespace podium::nn::cpu
