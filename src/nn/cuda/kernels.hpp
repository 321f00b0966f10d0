// The CUDA backend's kernels, one function per family of layers. Each throws internal_error naming
// the layer when a library cannot compute it.
#pragma once

#include <memory>

#include "nn/cuda/context.hpp"
#include "nn/kernel_spec.hpp"

namespace podium::nn::cuda {

struct KernelSpec : KernelSpecOf<Context> {
  NumberType type() const { return context.type_of(pass); }
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
