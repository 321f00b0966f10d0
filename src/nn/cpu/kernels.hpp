// The CPU backend's kernels, one function per family of layers. Each throws internal_error naming
// the layer when oneDNN cannot make its primitive.
#pragma once

#include <memory>

#include "nn/cpu/primitive.hpp"
#include "nn/kernel_spec.hpp"

namespace podium::nn::cpu {

struct KernelSpec : KernelSpecOf<Context> {
  // What convolutions and dense layers multiply.
  DataType data_type() const {
    const bool bf16 = training() && context.numerics.precision == Precision::bf16;
    return bf16 ? DataType::bf16 : DataType::f32;
  }
};

inline dnnl::prop_kind forward_kind(Pass pass) {
  return pass == Pass::training ? dnnl::prop_kind::forward_training
                                : dnnl::prop_kind::forward_inference;
}

std::unique_ptr<Kernel> make_convolution(const KernelSpec& spec);
std::unique_ptr<Kernel> make_dense(const KernelSpec& spec);
std::unique_ptr<Kernel> make_batch_norm(const KernelSpec& spec);
std::unique_ptr<Kernel> make_pool(const KernelSpec& spec);
std::unique_ptr<Kernel> make_relu(const KernelSpec& spec);
std::unique_ptr<Kernel> make_dropout(const KernelSpec& spec);
std::unique_ptr<Kernel> make_fork(const KernelSpec& spec);
std::unique_ptr<Kernel> make_sum(const KernelSpec& spec);

}  // namespace podium::nn::cpu
