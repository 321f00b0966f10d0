// Parameters at birth.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/buffer_info.hpp"
#include "nn/network_plan.hpp"

namespace podium::nn {

// Weights: He normal, standard deviation sqrt(2 / fan_in) (He et al. 2015), but sqrt(1 / fan_in)
// for the output layer, which no ReLU follows. Scales 1, biases and shifts 0, running means 0 and
// variances 1. A value depends only on (seed, buffer, index).
void initialise_buffers(const NetworkPlan& plan, uint64_t seed, std::span<float> parameters,
                        std::span<float> statistics);

// What the weights of convolutions begin as: all random, or `dirac`.
enum class Initialisation { he, dirac };

// Lets the first min(in, out) filters of every convolution pass their channel on as it is
// (Zagoruyko & Komodakis 2017, in the form of Jordan 2024, arXiv:2404.00498). `buffers` and
// `parameters` are a model's.
void make_dirac(const std::vector<BufferInfo>& buffers, std::span<float> parameters);

}  // namespace podium::nn
