// Memory planning: places buffers whose lifetimes are known in one arena, so that buffers that are
// never alive together share memory.
//
// Greedy by size (Pisarchyk & Lee 2020). Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "nn/network_plan.hpp"
#include "nn/ops.hpp"

namespace podium::nn {

// A buffer of `count` floats, alive in the moments first..last, both included.
struct Lifetime {
  size_t count = 0;
  int first = 0;
  int last = -1;
};

// Where each buffer starts, in floats; all starts are 64-byte aligned. Buffers alive at a common
// moment never overlap.
struct ArenaPlan {
  std::vector<size_t> offsets;
  size_t size = 0;
};

ArenaPlan plan_arena(std::span<const Lifetime> lifetimes);

inline constexpr size_t kNoPlace = static_cast<size_t>(-1);

// Places of a network's activations and their gradients, by value, in floats from the arena's
// start.
struct ActivationPlan {
  std::vector<size_t> data;
  std::vector<size_t> gradients;  // kNoPlace where none is wanted
  size_t size = 0;
};

// REQUIRES: batch > 0. A plan for one batch size also serves every smaller one.
ActivationPlan plan_activations(const NetworkPlan& network, int batch, Pass pass);

}  // namespace podium::nn
