#include "train/host_engine.hpp"

#include "core/random.hpp"
#include "core/span_names.hpp"
#include "nn/ops.hpp"

namespace podium::train {

uint64_t dropout_seed(uint64_t seed, size_t rank) {
  return mix64(seed) + rank;
}

void HostEngine::start_epoch(const EpochPlan& plan) {
  batches_.start_epoch(plan);
  local_.start_epoch(plan);
}

std::span<const Step> HostEngine::advance() {
  return batches_.advance([this](const io::Batch& batch, int64_t step, double lr) {
    nn::Model& model = state_.model;
    const nn::Model::StepResult result = compute_gradients(batch, step);
    state_.optimizer.step(model.parameters(), model.gradients(), static_cast<float>(lr));
    if (state_.average) state_.average->follow(model, step, batches_.plan().steps_of_run);
    return result;
  });
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
  const Timed span(lane_, spans::wait);
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
  {
    const Timed span(lane_, spans::wait);
    sync_.combine(staged_, weight);
  }
  model.ops().copy(staged_, gradients.data());
  model.ops().synchronise();
}

}  // namespace podium::train
