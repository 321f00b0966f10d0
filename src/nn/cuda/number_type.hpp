// What activations and the weights that kernels multiply are made of.
#pragma once

#include <cstddef>

namespace podium::nn::cuda {

enum class NumberType { fp32, bf16 };

constexpr size_t bytes_of(NumberType type) {
  return type == NumberType::fp32 ? 4 : 2;
}

}  // namespace podium::nn::cuda
