// What every planned kernel of a backend is made from: a layer at one batch size in one pass, its
// memory, and what the backend's kernels share. The context outlives the kernel.
#pragma once

#include <cstddef>

#include "nn/network_plan.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

template <typename Context>
struct KernelSpecOf {
  Context& context;
  const LayerPlan& layer;
  int batch;
  Pass pass;
  LayerMemory memory;

  bool training() const { return pass == Pass::training; }
  size_t input_count() const { return static_cast<size_t>(layer.input.size() * batch); }
  size_t output_count() const { return static_cast<size_t>(layer.output.size() * batch); }
  // Of the output, [rows, channels].
  size_t output_rows() const {
    return static_cast<size_t>(layer.output.pixels()) * static_cast<size_t>(batch);
  }
};

}  // namespace podium::nn
