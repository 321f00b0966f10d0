// How good a finished policy is when it always takes the likeliest action.
//
// Threads: belongs to the caller's.
#pragma once

#include <cstdint>

#include "io/loader/dataset.hpp"
#include "learn/explorer_task.hpp"
#include "learn/policy.hpp"

namespace podium::learn {

// The mean return of `episodes` episodes, from seeds that no explorer uses. REQUIRES: episodes > 0.
double try_policy(Policy& policy, const EnvironmentKit& kit, int episodes, uint64_t seed);

// The share of a split's images that it names correctly.
double accuracy_of(Policy& policy, const io::Dataset& dataset, io::Split split);

}  // namespace podium::learn
