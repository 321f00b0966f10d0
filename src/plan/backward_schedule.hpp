// BackwardSchedule: when, within a step, which part of the gradients is ready to be exchanged.
//
// The backward pass goes through the layers from the last to the first, and takes two thirds of a
// step's computing, shared among the layers by their FLOPs. A bucket (comm/buckets.hpp) is ready
// with the layer it begins with. Pure arithmetic.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/network_plan.hpp"

namespace podium::plan {

// In the order of travelling.
struct ReadyBucket {
  size_t bytes = 0;
  double ready_s = 0;  // since the start of the step
};

// `compute_s`: forward and backward pass of one rank.
std::vector<ReadyBucket> backward_schedule(const nn::NetworkPlan& network, double compute_s);

}  // namespace podium::plan
