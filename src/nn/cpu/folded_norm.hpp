// A batch norm folded into the layer before it (Jacob et al. 2018, section 3.2): with a = scale /
// sqrt(running variance + epsilon), each output channel's weights are multiplied by a, and its bias
// becomes a * (bias - running mean) + shift.
#pragma once

#include <cmath>

#include "nn/aligned_buffer.hpp"
#include "nn/cpu/kernels.hpp"

namespace podium::nn::cpu {

class FoldedNorm {
 public:
  // REQUIRES: weights lie by output channel, [channels, weights / channels].
  FoldedNorm(const LayerMemory& memory, size_t weights, size_t channels)
      : memory_(memory), channels_(channels), weights_(weights), bias_(channels) {}

  const float* weights() const { return weights_.data(); }
  const float* bias() const { return bias_.data(); }

  // Reads parameters and statistics anew.
  void refresh() {
    const size_t length = weights_.size() / channels_;
    for (size_t c = 0; c < channels_; ++c) {
      const float a = memory_.norm_scale[c] / std::sqrt(memory_.running_variance[c] + kNormEpsilon);
      const float bias = memory_.bias != nullptr ? memory_.bias[c] : 0.0F;
      bias_.data()[c] = a * (bias - memory_.running_mean[c]) + memory_.norm_scale[channels_ + c];
      const float* from = memory_.weights + c * length;
      float* to = weights_.data() + c * length;
      for (size_t i = 0; i < length; ++i) to[i] = a * from[i];
    }
  }

 private:
  LayerMemory memory_;
  size_t channels_;
  AlignedBuffer weights_;
  AlignedBuffer bias_;
};

}  // namespace podium::nn::cpu
