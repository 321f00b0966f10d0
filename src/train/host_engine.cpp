#include "train/host_engine.hpp"

#include "core/clock.hpp"
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
  local_.start_epoch(plan);
  loader_->start_epoch(plan.epoch, static_cast<size_t>(plan.begin));
}

std::span<const Step> HostEngine::advance() {
  require(loader_ != nullptr, "no epoch is under way", "HostEngine::advance");
  Stopwatch watch;
  const std::optional<io::Batch> batch = loader_->next();
  data_wait_s_ += watch.seconds();
  if (!batch) {
    loader_.reset();
    return {};
  }
  watch.restart();
  take_step(*batch);
  steps_s_ += watch.seconds();
  return {&step_, 1};
}

WallTime HostEngine::times() const {
  const auto [exposed_s, hidden_s] = sync_.times();
  return {steps_s_ - exposed_s - hidden_s, data_wait_s_, exposed_s, hidden_s, 0};
}

void HostEngine::take_step(const io::Batch& batch) {
  nn::Model& model = state_.model;
  const int64_t step = plan_->first_step + static_cast<int64_t>(batch.step);
  const nn::Model::StepResult result = compute_gradients(batch, step);
  const double lr = plan_->schedule.at(step);
  state_.optimizer.step(model.parameters(), model.gradients(), static_cast<float>(lr));
  if (state_.average) state_.average->follow(model, step, plan_->steps_of_run);
  step_ = {step, lr, result.loss_sum, result.correct, batch.count(), batch.global_count};
}

// Leaves the gradients of the batch of all trainers in the model; exchanges while it computes.
nn::Model::StepResult HostEngine::compute_gradients(const io::Batch& batch, int64_t step) {
  nn::Model& model = state_.model;
  const float weight = static_cast<float>(batch.count()) / static_cast<float>(batch.global_count);
  if (!model.ops().on_host() && sync_.on_device() == nullptr) {
    const nn::Model::StepResult result = local_.compute(batch, step, {});
    combine_on_host(weight);
    return result;
  }
  const std::span<float> gradients = model.gradients();
  bool begun = false;
  const nn::Model::StepResult result = local_.compute(batch, step, [&](size_t first) {
    if (!begun) sync_.begin(gradients, weight);
    begun = true;
    sync_.ready(first);
  });
  sync_.finish();
  return result;
}

// What MPI is given lies in the host's own memory.
void HostEngine::combine_on_host(float weight) {
  nn::Model& model = state_.model;
  const std::span<float> gradients = model.gradients();
  staged_.resize(gradients.size());
  model.ops().copy(gradients, staged_.data());
  model.ops().synchronise();
  sync_.combine(staged_, weight);
  model.ops().copy(staged_, gradients.data());
  model.ops().synchronise();
}

}  // namespace podium::train
