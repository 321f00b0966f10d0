#include "train/ps_step.hpp"

#include "core/span_names.hpp"
#include "nn/ops.hpp"

namespace podium::train {

// A trainer without images in a step has nothing to push; it is done with it all the same.
nn::Model::StepResult PsStep::take(const io::Batch& batch, int64_t step,
                                   const ps::PushOptions& how) {
  nn::Model& model = state_.model;
  if (!model.ops().on_host()) return take_staged(batch, step, how);
  const bool pushes = batch.count() > 0;
  if (pushes) client_.begin_push(model.gradients(), how);
  const nn::Model::StepResult result = local_.compute(batch, step, [&](size_t first) {
    if (pushes) client_.ready(first);
  });
  const Timed span(lane_, spans::wait);
  client_.finish_step(model.parameters());
  return result;
}

// What travels lies in the host's own memory.
nn::Model::StepResult PsStep::take_staged(const io::Batch& batch, int64_t step,
                                          const ps::PushOptions& how) {
  nn::Model& model = state_.model;
  const nn::Model::StepResult result = local_.compute(batch, step, {});
  const std::span<float> gradients = model.gradients();
  staged_.resize(gradients.size());
  model.ops().copy(gradients, staged_.data());
  model.ops().synchronise();
  if (batch.count() > 0) {
    client_.begin_push(staged_, how);
    client_.ready(0);
  }
  {
    const Timed span(lane_, spans::wait);
    client_.finish_step(staged_);
  }
  put_parameters(model, staged_);
  return result;
}

// The model hears of new weights by being asked for its parameters.
void put_parameters(nn::Model& model, std::span<const float> weights) {
  model.ops().copy(weights, model.parameters().data());
  model.ops().synchronise();
}

std::vector<float> served_state(TrainingState& state) {
  nn::Model& model = state.model;
  const auto count = static_cast<size_t>(model.parameter_count());
  std::vector<float> served(2 * count);
  model.ops().copy(std::as_const(model).parameters(), served.data());
  model.ops().copy(std::as_const(state.optimizer).momentum_buffer(), served.data() + count);
  model.ops().synchronise();
  return served;
}

void put_served_state(TrainingState& state, std::span<const float> served) {
  const auto count = static_cast<size_t>(state.model.parameter_count());
  state.model.ops().copy(served.subspan(count), state.optimizer.momentum_buffer().data());
  put_parameters(state.model, served.first(count));
}

}  // namespace podium::train
