#include "train/ps_engine.hpp"

#include "comm/barrier.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "nn/ops.hpp"

namespace podium::train {

void PsEngine::start_epoch(const EpochPlan& plan) {
  if (!client_.started()) {
    const std::span<const float> weights = std::as_const(state_.model).parameters();
    client_.start(std::vector<float>(weights.begin(), weights.end()));
  }
  loader_.reset();
  plan_ = plan;
  loader_ = std::make_unique<io::Loader>(dataset_, plan.data);
  local_.start_epoch(plan);
  loader_->start_epoch(plan.epoch, static_cast<size_t>(plan.begin));
}

std::span<const Step> PsEngine::advance() {
  require(loader_ != nullptr, "no epoch is under way", "PsEngine::advance");
  Stopwatch watch;
  const std::optional<io::Batch> batch = loader_->next();
  data_wait_s_ += watch.seconds();
  if (!batch) {
    loader_.reset();
    return {};
  }
  watch.restart();
  const int64_t step = plan_->first_step + static_cast<int64_t>(batch->step);
  const double lr = plan_->schedule.at(step);
  const auto result = take_step(*batch, step, static_cast<float>(lr));
  step_ = {step, lr, result.loss_sum, result.correct, batch->count(), batch->global_count};
  steps_s_ += watch.seconds();
  return {&step_, 1};
}

// A trainer without images in a step has nothing to push; it is done with it all the same.
nn::Model::StepResult PsEngine::take_step(const io::Batch& batch, int64_t step, float lr) {
  nn::Model& model = state_.model;
  pull_weights();
  const bool on_host = model.ops().on_host();
  const float weight = static_cast<float>(batch.count()) / static_cast<float>(batch.global_count);
  const std::span<float> gradients = model.gradients();
  if (!on_host) staged_.resize(gradients.size());
  client_.begin_push(on_host ? gradients : std::span<float>(staged_), lr * weight);
  const bool pushes = batch.count() > 0;
  const nn::Model::StepResult result = local_.compute(batch, step, [&](size_t first) {
    if (on_host && pushes) client_.ready(first);
  });
  if (!on_host && pushes) {
    model.ops().copy(gradients, staged_.data());
    model.ops().synchronise();
    client_.ready(0);
  }
  client_.finish_step();
  return result;
}

// The model is told that its weights have changed by being asked for them anew.
void PsEngine::pull_weights() {
  nn::Model& model = state_.model;
  const std::span<float> weights = model.parameters();
  if (model.ops().on_host()) return client_.pull(weights);
  staged_.resize(weights.size());
  client_.pull(staged_);
  model.ops().copy(staged_, weights.data());
  model.ops().synchronise();
}

WallTime PsEngine::times() const {
  const auto [exposed_s, hidden_s] = client_.times();
  return {steps_s_ - exposed_s - hidden_s, data_wait_s_, exposed_s, hidden_s, 0};
}

// Between the barriers nobody pushes.
void PsEngine::settle() {
  if (!client_.started()) return;
  comm::barrier(client_.group(), client_.group().policy());
  const Stopwatch watch;
  pull_weights();
  steps_s_ += watch.seconds();
  comm::barrier(client_.group(), client_.group().policy());
}

}  // namespace podium::train
