#include "train/ps_sync.hpp"

namespace podium::train {

void PsSync::begin(std::span<float> gradients, float weight) {
  if (!client_.started()) client_.start(std::vector<float>(gradients.size()));
  gradients_ = gradients;
  weight_ = weight;
  weighted_from_ = gradients.size();
  client_.begin_push(gradients, {});
}

void PsSync::ready(size_t first) {
  for (size_t i = first; i < weighted_from_; ++i) gradients_[i] *= weight_;
  weighted_from_ = first;
  client_.ready(first);
}

void PsSync::finish() {
  client_.finish_step(gradients_);
}

}  // namespace podium::train
