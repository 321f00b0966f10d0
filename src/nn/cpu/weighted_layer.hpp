// What convolutions and dense layers share: a forward, a backward-data and a backward-weights
// primitive around canonical weights, which are reordered where oneDNN prefers another layout or
// type (once per step, or at inference once per set of parameters), a folded batch norm, and the
// mask of a fused ReLU.
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
  dnnl::memory::desc input;   // as the layer's input lies in memory
  dnnl::memory::desc source;  // as the primitives read it
  dnnl::memory::desc result;
  dnnl::memory::desc gradient;  // of the result, as the primitives read it
  dnnl::memory::desc weights;   // canonical
  dnnl::memory::desc bias;      // empty without bias
  PlannedPrimitive forward;
  PlannedPrimitive backward_data;     // unused without an input gradient, and at inference
  PlannedPrimitive backward_weights;  // unused at inference
};

std::unique_ptr<Kernel> make_weighted_layer(const KernelSpec& spec, const WeightedPlan& plan);

}  // namespace podium::nn::cpu
