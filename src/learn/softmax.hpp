// Softmax: the distribution over actions that logits stand for. All who ask how likely an action is
// ask here, so that equal logits give equal bits. Computed in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace podium::learn {

// The logarithm of the sum of exp(logit).
inline double log_sum_exp(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

inline float log_probability_of(std::span<const float> logits, double log_sum, int32_t action) {
  return static_cast<float>(logits[static_cast<size_t>(action)] - log_sum);
}

// The first action up to which the probabilities sum to more than `chance` of [0,1).
inline int32_t draw_action(std::span<const float> logits, double log_sum, double chance) {
  double sum = 0;
  const auto last = static_cast<int32_t>(logits.size()) - 1;
  for (int32_t action = 0; action < last; ++action) {
    sum += std::exp(logits[static_cast<size_t>(action)] - log_sum);
    if (chance < sum) return action;
  }
  return last;
}

}  // namespace podium::learn
