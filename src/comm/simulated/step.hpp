// One training step of a simulated rank: it computes for a while, and its gradients travel in
// buckets, each when it is ready, one after the other.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "comm/allreduce/algorithm.hpp"

namespace podium::comm {

// In the order of travelling.
struct SimulatedBucket {
  size_t bytes = 0;
  double ready_s = 0;  // since the start of the step
};

// "BYTES@SECONDS,BYTES@SECONDS"; throws usage_error.
std::vector<SimulatedBucket> parse_buckets(const std::string& text);

// What a step took, on this rank, in simulated seconds.
struct SimulatedStep {
  double step_s = 0;
  double exposed_s = 0;  // of it, after the computing was done
};

// `values` has room for the largest bucket. Computing goes on while buckets travel, at full speed.
SimulatedStep run_step(SumAlgorithm& algorithm, Watch& watch, std::span<float> values,
                       std::span<const SimulatedBucket> buckets, double compute_s);

}  // namespace podium::comm
