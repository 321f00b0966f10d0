// The CUDA backend's kernels, one function per family of layers. Each throws internal_error naming
// the layer when a library cannot compute it.
#pragma once

#include <memory>

#include "nn/cuda/context.hpp"
#include "nn/network_plan.hpp"
#include "nn/ops.hpp"

namespace podium::nn::cuda {

// What every kernel is made from. The context outlives the kernel.
struct KernelSpec {
  Context& context;
  const LayerPlan& layer;
  int batch;
  Pass pass;
  LayerMemory memory;

  NumberType type() const { return context.type_of(pass); }
  bool training() const { return pass == Pass::training; }
  size_t input_count() const { return static_cast<size_t>(layer.input.size() * batch); }
  size_t output_count() const { return static_cast<size_t>(layer.output.size() * batch); }
  // Of the output, [rows, channels].
  size_t output_rows() const {
    return static_cast<size_t>(layer.output.pixels()) * static_cast<size_t>(batch);
  }
};

std::unique_ptr<Kernel> make_convolution(const KernelSpec& spec);
std::unique_ptr<Kernel> make_dense(const KernelSpec& spec);
std::unique_ptr<Kernel> make_batch_norm(const KernelSpec& spec);
std::unique_ptr<Kernel> make_pool(const KernelSpec& spec);
std::unique_ptr<Kernel> make_relu(const KernelSpec& spec);
std::unique_ptr<Kernel> make_dropout(const KernelSpec& spec);
std::unique_ptr<Kernel> make_fork(const KernelSpec& spec);
std::unique_ptr<Kernel> make_sum(const KernelSpec& spec);

}  // namespace podium::nn::cuda
