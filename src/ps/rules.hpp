// Rules: what gradients do to Θ, as loops over memory that run in vector instructions.
//
//   sum       θ <- θ + g
//   step_sum  θ <- g
//   sgd       θ <- keep θ - lr g
//   momentum  v <- momentum v + g;   θ <- keep θ - lr (g + momentum v), or lr v without Nesterov
//   adagrad   a <- a + g²;           θ <- keep θ - lr g / (√a + ε)
//   adam      m <- β1 m + (1-β1) g;  s <- β2 s + (1-β2) g²
//             θ <- keep θ - lr m/(1-β1^t) / (√(s/(1-β2^t)) + ε)
//
// g is what was pushed times its scale; keep = 1 - lr * weight_decay where decay applies
// (decoupled, Loshchilov & Hutter 2019), else 1; t counts the updates of each value (Duchi et al.
// 2011; Kingma & Ba 2015; Sutskever et al. 2013 in PyTorch's form, as nn/sgd.hpp).
#pragma once

#include <cstddef>
#include <span>

#include "ps/options.hpp"

namespace podium::ps {

inline constexpr size_t max_slots = 3;

// How many floats a rule keeps for each value of Θ, beside it.
size_t slots_of(Rule rule);
// All that an update depends on, in layers as long as Θ: the first is Θ, the others are what the
// rule keeps.
inline size_t layers_of(Rule rule) {
  return 1 + slots_of(rule);
}
// Whether servers of a Θ of so many values may begin with `count`: Θ, or all layers.
inline bool is_beginning(size_t count, size_t values, Rule rule) {
  return count == values || count == values * layers_of(rule);
}

// A run of values and what the rule keeps for them; the slots that a rule lacks are null.
struct RuleMemory {
  float* theta = nullptr;
  float* slots[max_slots] = {};
  RuleMemory at(size_t offset) const;
};

struct RuleRates {
  float scale = 1;
  float lr = 0;
  float keep = 1;
};

// One update of `count` values. `pushed` and the memory do not overlap.
void apply(const OptimizerOptions& options, const RuleRates& rates, const RuleMemory& memory,
           const float* pushed, size_t count);

// into += scale * pushed
void add_scaled(float* into, const float* pushed, float scale, size_t count);

}  // namespace podium::ps
