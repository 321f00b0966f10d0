#include "train/allreduce_sync.hpp"

#include "comm/ring_allreduce.hpp"
#include "core/clock.hpp"

namespace podium::train {
namespace {

void scale(std::span<float> values, float factor) {
  if (factor == 1.0F) return;
  for (float& value : values) value *= factor;
}

}  // namespace

void NoSync::combine(std::span<float> gradients, float weight) {
  scale(gradients, weight);
}

void AllReduceSync::combine(std::span<float> gradients, float weight) {
  const Stopwatch watch;
  scale(gradients, weight);
  scratch_.resize(comm::ring_scratch_elements(gradients.size(), group_.size()));
  comm::ring_allreduce(group_, gradients, std::span<float>(scratch_));
  exposed_seconds_ += watch.seconds();
}

}  // namespace podium::train
