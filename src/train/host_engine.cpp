#include "train/host_engine.hpp"

#include "core/error.hpp"
#include "core/random.hpp"
#include "nn/ops.hpp"

namespace podium::train {

uint64_t dropout_seed(uint64_t seed, size_t rank) {
  return mix64(seed) + rank;
}

void HostEngine::start_epoch(const EpochPlan& plan) {
  loader_.reset();
  plan_ = plan;
  loader_ = std::make_unique<io::Loader>(dataset_, plan.data);
  state_.model.set_dropout_stream(dropout_seed(state_.recipe.seed, plan.data.rank),
                                  static_cast<uint64_t>(plan.first_step + plan.begin));
  loader_->start_epoch(plan.epoch, static_cast<size_t>(plan.begin));
}

std::span<const Step> HostEngine::advance() {
  require(loader_ != nullptr, "no epoch is under way", "HostEngine::advance");
  const std::optional<io::Batch> batch = loader_->next();
  if (!batch) {
    loader_.reset();
    return {};
  }
  take_step(*batch);
  return {&step_, 1};
}

void HostEngine::take_step(const io::Batch& batch) {
  nn::Model& model = state_.model;
  const auto result = model.forward_backward(batch.images, batch.labels,
                                             static_cast<float>(state_.recipe.label_smoothing));
  const float weight = static_cast<float>(batch.count()) / static_cast<float>(batch.global_count);
  combine(weight);
  const int64_t step = plan_->first_step + static_cast<int64_t>(batch.step);
  const double lr = plan_->schedule.at(step);
  state_.optimizer.step(model.parameters(), model.gradients(), static_cast<float>(lr));
  if (state_.average) state_.average->follow(model, step, plan_->steps_of_run);
  step_ = {step, lr, result.loss_sum, result.correct, batch.count(), batch.global_count};
}

// What MPI is given lies in the host's own memory.
void HostEngine::combine(float weight) {
  nn::Model& model = state_.model;
  if (model.ops().on_host() || sync_.on_device() != nullptr) {
    sync_.combine(model.gradients(), weight);
    return;
  }
  const std::span<float> gradients = model.gradients();
  staged_.resize(gradients.size());
  model.ops().copy(gradients, staged_.data());
  model.ops().synchronise();
  sync_.combine(staged_, weight);
  model.ops().copy(staged_, gradients.data());
  model.ops().synchronise();
}

}  // namespace podium::train
