#include "train/local_gradients.hpp"

namespace podium::train {

void LocalGradients::start_epoch(const EpochPlan& plan) {
  const int64_t first_pass = (plan.first_step + plan.begin) * state_.recipe.accumulate;
  state_.model.set_dropout_stream(dropout_seed(state_.recipe.seed, plan.data.rank),
                                  static_cast<uint64_t>(first_pass));
}

nn::Model::StepResult LocalGradients::compute(const io::Batch& batch, int64_t step,
                                              const nn::GradientsReady& ready) {
  const auto parts = static_cast<size_t>(state_.recipe.accumulate);
  nn::Model::StepResult result;
  for (size_t part = 0; part + 1 < parts; ++part) {
    result += micro_step(batch, part, {});
    accumulate(part == 0, share(batch, part));
  }
  const std::span<float> gradients = state_.model.gradients();
  size_t final_from = gradients.size();
  result += micro_step(batch, parts - 1, [&](size_t first) {
    if (parts > 1) add_accumulated(gradients, first, final_from, share(batch, parts - 1));
    watch_.look(step, gradients, first, final_from);
    final_from = first;
    if (ready) ready(first);
  });
  return result;
}

nn::Model::StepResult LocalGradients::micro_step(const io::Batch& batch, size_t part,
                                                 const nn::GradientsReady& ready) {
  const io::BatchRange range = micro_batch(batch, part);
  const size_t image_bytes = batch.count() == 0 ? 0 : batch.images.size() / batch.count();
  return state_.model.forward_backward(
      batch.images.subspan(range.begin * image_bytes, range.count() * image_bytes),
      batch.labels.subspan(range.begin, range.count()),
      static_cast<float>(state_.recipe.label_smoothing), ready);
}

io::BatchRange LocalGradients::micro_batch(const io::Batch& batch, size_t part) const {
  return io::share_of({0, batch.count()}, part, static_cast<size_t>(state_.recipe.accumulate));
}

// Of the micro-batch in this rank's images of the step.
float LocalGradients::share(const io::Batch& batch, size_t part) const {
  if (batch.count() == 0) return 0;
  return static_cast<float>(micro_batch(batch, part).count()) / static_cast<float>(batch.count());
}

void LocalGradients::accumulate(bool first, float share) {
  const std::span<const float> gradients = state_.model.gradients();
  accumulated_.resize(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    accumulated_[i] = (first ? 0.0F : accumulated_[i]) + share * gradients[i];
  }
}

void LocalGradients::add_accumulated(std::span<float> gradients, size_t begin, size_t end,
                                     float share) const {
  for (size_t i = begin; i < end; ++i) gradients[i] = accumulated_[i] + share * gradients[i];
}

}  // namespace podium::train
