// WeightAverage: an exponential moving average of a model's weights, which is what is evaluated and
// published, while training goes on with the weights themselves.
//
// Every `every` steps   average <- average + (1 - d) (weights - average),   running statistics of
// batch norm included. d = decay^every, but at most (1 + n) / (10 + n) at update n, so that the
// average soon forgets how it began (Polyak & Juditsky 1992, in the form usual since Szegedy et al.
// 2016).
//
// With `lookahead` the weights then become the average (Zhang et al. 2019), and
// d = decay^every (step / steps)^3 grows over the run (Jordan 2024, arXiv:2404.00498).
//
// A function of the weights and the step alone: equal weights give equal bits on every rank. The
// state for checkpoints is the two buffers.
#pragma once

#include <cstdint>
#include <span>

#include "nn/aligned_buffer.hpp"
#include "nn/model.hpp"
#include "nn/ops.hpp"

namespace podium::train {

struct WeightAverageOptions {
  double decay = 0.99;  // per step, in (0, 1)
  int every = 5;        // steps
  bool lookahead = false;
};

class WeightAverage {
 public:
  // Begins as a copy of the weights of `model`, which outlives it, and lies where the model
  // computes. Throws usage_error for options out of range.
  WeightAverage(nn::Model& model, const WeightAverageOptions& options);

  // To be called after each optimizer step; `step` counts from 0 over the whole run of `steps`.
  void follow(nn::Model& model, int64_t step, int64_t steps);

  // How far the average goes towards the weights after that step: 1 - d, or 0 where it stays.
  float share(int64_t step, int64_t steps) const;
  bool lookahead() const { return options_.lookahead; }

  // Exchanges the model's weights and the average.
  void swap(nn::Model& model);

  // All wait for what the backend is still computing.
  std::span<float> parameters();
  std::span<const float> parameters() const;
  std::span<float> statistics();
  std::span<const float> statistics() const;

 private:
  WeightAverageOptions options_;
  nn::Ops& ops_;
  nn::AlignedBuffer parameters_;
  nn::AlignedBuffer statistics_;
};

}  // namespace podium::train
