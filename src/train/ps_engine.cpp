#include "train/ps_engine.hpp"

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
  steps_.start_epoch(plan);
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
  const double share =
      static_cast<double>(batch->count()) / static_cast<double>(batch->global_count);
  const auto result = steps_.take(*batch, step, {.lr = static_cast<float>(lr * share)});
  step_ = {step, lr, result.loss_sum, result.correct, batch->count(), batch->global_count};
  steps_s_ += watch.seconds();
  return {&step_, 1};
}

WallTime PsEngine::times() const {
  const auto [exposed_s, hidden_s] = client_.times();
  return {steps_s_ - exposed_s - hidden_s, data_wait_s_, exposed_s, hidden_s, 0};
}

// Between the barriers nobody pushes.
void PsEngine::settle() {
  if (!client_.started()) return;
  client_.meet();
  const Stopwatch watch;
  staged_.resize(static_cast<size_t>(state_.model.parameter_count()));
  client_.pull(staged_);
  put_parameters(state_.model, staged_);
  steps_s_ += watch.seconds();
  client_.meet();
}

}  // namespace podium::train
