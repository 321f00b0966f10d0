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
#include "nn/update_rules.hpp"

namespace podium::nn {

class Model;
class Ops;

class Sgd {
 public:
  // For the buffers of `model`, stepping where the model computes; the model outlives the
  // optimizer. Momentum starts at zero. Throws usage_error for a momentum outside [0, 1), a
  // negative weight decay, or a norm_lr that is not positive.
  Sgd(Model& model, SgdOptions options);
  // The same on the host. `buffers` says where weight decay applies.
  Sgd(const std::vector<BufferInfo>& buffers, size_t parameter_count, SgdOptions options);

  // REQUIRES: both spans hold parameter_count floats. With a model they are the model's, and the
  // step may be under way when this returns: Model::parameters() waits for it.
  void step(std::span<float> parameters, std::span<const float> gradients, float learning_rate);

  // State for checkpoints: one float per parameter. Waits for the last step.
  std::span<float> momentum_buffer();
  std::span<const float> momentum_buffer() const;
  const SgdOptions& options() const { return options_; }
  // All parameters, in order.
  std::span<const SgdRange> ranges() const { return ranges_; }

 private:
  Sgd(const std::vector<BufferInfo>& buffers, AlignedBuffer momentum, SgdOptions options, Ops* ops);

  SgdOptions options_;
  AlignedBuffer momentum_;
  Ops* ops_;  // null: the host
  std::vector<SgdRange> ranges_;
};

}  // namespace podium::nn
