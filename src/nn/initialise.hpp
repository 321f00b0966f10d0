// Parameters at birth.
#pragma once

#include <cstdint>
#include <span>

#include "nn/network_plan.hpp"

namespace podium::nn {

// Weights: He normal, standard deviation sqrt(2 / fan_in) (He et al. 2015), but sqrt(1 / fan_in)
// for the output layer, which no ReLU follows. Scales 1, biases and shifts 0, running means 0 and
// variances 1. A value depends only on (seed, buffer, index).
void initialise_buffers(const NetworkPlan& plan, uint64_t seed, std::span<float> parameters,
                        std::span<float> statistics);

}  // namespace podium::nn
