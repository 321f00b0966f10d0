// What happens to each weight in a step: the optimizer's rule and that of averages, once for all
// backends, and the loops by which the host applies them.
//
//   v <- momentum * v + g
//   p <- keep * p - lr * (g + momentum * v)        keep = 1 - rate * weight_decay, or 1
//
// (sgd.hpp has the sources). A compiler may add a product to a sum without rounding it first, so
// backends agree up to the last bit; on one backend equal inputs give equal bits.
#pragma once

#include <cstddef>
#include <span>

namespace podium::nn {

struct SgdOptions {
  float momentum = 0.9F;
  float weight_decay = 0.0F;
  float norm_lr = 1.0F;  // factor on the learning rate of batch norm's shifts
};

// A run of parameters with the same decay and factor.
struct SgdRange {
  size_t begin;
  size_t end;
  bool decay;
  float lr_factor;

  bool operator==(const SgdRange&) const = default;
  constexpr float lr(float learning_rate) const { return learning_rate * lr_factor; }
  constexpr float keep(float learning_rate, float weight_decay) const {
    return decay ? 1.0F - learning_rate * weight_decay : 1.0F;
  }
};

constexpr void sgd_update(float& p, float g, float& v, float lr, float momentum, float keep) {
  const float velocity = momentum * v + g;
  v = velocity;
  p = keep * p - lr * (g + momentum * velocity);
}

constexpr float approached(float average, float weight, float share) {
  return average + share * (weight - average);
}

// What one step of the optimizer works on: flat buffers of equal length.
struct SgdMemory {
  float* parameters;
  const float* gradients;
  float* momentum;
};

namespace host {

void sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
         const SgdMemory& memory);

// average <- average + share * (weights - average)
void approach(const float* weights, float* average, size_t count, float share);

}  // namespace host
}  // namespace podium::nn
