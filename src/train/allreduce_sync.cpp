#include "train/allreduce_sync.hpp"

#include "core/clock.hpp"

namespace podium::train {

void NoSync::combine(std::span<float> gradients, float weight) {
  if (weight == 1.0F) return;
  for (float& value : gradients) value *= weight;
}

void AllReduceSync::combine(std::span<float> gradients, float weight) {
  const Stopwatch watch;
  if (allreduce_.wire_for(gradients.size_bytes()) != comm::WireType::fp32) {
    residual_.resize(gradients.size());
  }
  allreduce_.weighted_sum(gradients, weight, "gradients", residual_);
  exposed_seconds_ += watch.seconds();
}

}  // namespace podium::train
