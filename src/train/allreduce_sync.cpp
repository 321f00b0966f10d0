#include "train/allreduce_sync.hpp"

#include "core/clock.hpp"

namespace podium::train {

void NoSync::begin(std::span<float> gradients, float weight) {
  gradients_ = gradients;
  weight_ = weight;
}

void NoSync::finish() {
  if (weight_ == 1.0F) return;
  for (float& value : gradients_) value *= weight_;
}

void AllReduceSync::begin(std::span<float> gradients, float weight) {
  gradients_ = gradients;
  weight_ = weight;
}

void AllReduceSync::finish() {
  const Stopwatch watch;
  allreduce_.weighted_sum(gradients_, weight_, "gradients");
  times_.exposed_s += watch.seconds();
}

}  // namespace podium::train
