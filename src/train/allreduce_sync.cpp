#include "train/allreduce_sync.hpp"

#include "core/clock.hpp"

namespace podium::train {

void NoSync::combine(std::span<float> gradients, float weight) {
  if (weight == 1.0F) return;
  for (float& value : gradients) value *= weight;
}

void AllReduceSync::combine(std::span<float> gradients, float weight) {
  const Stopwatch watch;
  allreduce_.weighted_sum(gradients, weight, "gradients");
  exposed_seconds_ += watch.seconds();
}

}  // namespace podium::train
