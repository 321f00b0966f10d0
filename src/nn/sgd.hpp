// Stochastic gradient descent with Nesterov momentum and decoupled weight decay.
//
//   v <- momentum * v + g
//   p <- p - lr * (g + momentum * v) - lr * weight_decay * p   (the last term only where it
//   applies)
//
// The shifts of batch norms may learn at norm_lr times the rate (Jordan 2024, arXiv:2404.00498).
// Sutskever et al. 2013 in the form PyTorch uses; SGDW of Loshchilov & Hutter 2019. Works on flat
// buffers, so equal inputs give equal bits on every rank.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nn/aligned_buffer.hpp"
#include "nn/buffer_info.hpp"

namespace podium::nn {

struct SgdOptions {
  float momentum = 0.9F;
  float weight_decay = 0.0F;
  float norm_lr = 1.0F;  // factor on the learning rate of batch norm's shifts
};

class Sgd {
 public:
  // `buffers` says where weight decay applies. Momentum starts at zero. Throws usage_error for a
  // momentum outside [0, 1), a negative weight decay, or a norm_lr that is not positive.
  Sgd(const std::vector<BufferInfo>& buffers, size_t parameter_count, SgdOptions options);

  // REQUIRES: both spans hold parameter_count floats.
  void step(std::span<float> parameters, std::span<const float> gradients, float learning_rate);

  // State for checkpoints: one float per parameter.
  std::span<float> momentum_buffer() { return momentum_.span(); }
  std::span<const float> momentum_buffer() const { return momentum_.span(); }
  const SgdOptions& options() const { return options_; }

 private:
  struct Range {  // a run of parameters with the same decay and factor
    size_t begin;
    size_t end;
    bool decay;
    float lr_factor;
  };

  SgdOptions options_;
  AlignedBuffer momentum_;
  std::vector<Range> ranges_;
};

}  // namespace podium::nn
