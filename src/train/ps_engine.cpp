#include "train/ps_engine.hpp"

#include "core/clock.hpp"
#include "nn/ops.hpp"

namespace podium::train {

void PsEngine::start_epoch(const EpochPlan& plan) {
  if (!client_.started()) client_.start(state_at_start());
  batches_.start_epoch(plan);
  local_.start_epoch(plan);
}

std::span<const Step> PsEngine::advance() {
  return batches_.advance([this](const io::Batch& batch, int64_t step, double lr) {
    const double share =
        static_cast<double>(batch.count()) / static_cast<double>(batch.global_count);
    return take_step(batch, step, static_cast<float>(lr * share));
  });
}

// A trainer without images in a step has nothing to push; it is done with it all the same.
nn::Model::StepResult PsEngine::take_step(const io::Batch& batch, int64_t step, float lr) {
  nn::Model& model = state_.model;
  if (!model.ops().on_host()) return take_staged_step(batch, step, lr);
  const bool pushes = batch.count() > 0;
  if (pushes) client_.begin_push(model.gradients(), {.lr = lr});
  const nn::Model::StepResult result = local_.compute(batch, step, [&](size_t first) {
    if (pushes) client_.ready(first);
  });
  client_.finish_step(model.parameters());
  return result;
}

// What travels lies in the host's own memory.
nn::Model::StepResult PsEngine::take_staged_step(const io::Batch& batch, int64_t step, float lr) {
  nn::Model& model = state_.model;
  const nn::Model::StepResult result = local_.compute(batch, step, {});
  const std::span<float> gradients = model.gradients();
  staged_.resize(gradients.size());
  model.ops().copy(gradients, staged_.data());
  model.ops().synchronise();
  if (batch.count() > 0) {
    client_.begin_push(staged_, {.lr = lr});
    client_.ready(0);
  }
  client_.finish_step(staged_);
  put_weights(staged_);
  return result;
}

// The weights, and behind them their momentum.
std::vector<float> PsEngine::state_at_start() {
  nn::Model& model = state_.model;
  const auto count = static_cast<size_t>(model.parameter_count());
  std::vector<float> state(2 * count);
  model.ops().copy(std::as_const(model).parameters(), state.data());
  model.ops().copy(std::as_const(state_.optimizer).momentum_buffer(), state.data() + count);
  model.ops().synchronise();
  return state;
}

// The model hears of new weights by being asked for its parameters.
void PsEngine::put_weights(std::span<const float> weights) {
  nn::Model& model = state_.model;
  model.ops().copy(weights, model.parameters().data());
  model.ops().synchronise();
}

// Between the barriers nobody pushes.
void PsEngine::settle() {
  if (!client_.started()) return;
  client_.meet();
  const Stopwatch watch;
  const auto count = static_cast<size_t>(state_.model.parameter_count());
  staged_.resize(2 * count);
  client_.pull(staged_);
  const std::span<const float> pulled(staged_);
  state_.model.ops().copy(pulled.subspan(count), state_.optimizer.momentum_buffer().data());
  put_weights(pulled.first(count));
  batches_.add_seconds(watch.seconds());
  client_.meet();
}

}  // namespace podium::train
