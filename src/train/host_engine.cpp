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
  const int64_t first_pass = plan.first_step * state_.recipe.accumulate;
  state_.model.set_dropout_stream(dropout_seed(state_.recipe.seed, plan.data.rank),
                                  static_cast<uint64_t>(first_pass));
  loader_->start_epoch(plan.epoch);
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
  const nn::Model::StepResult result = compute_gradients(batch);
  const int64_t step = plan_->first_step + static_cast<int64_t>(batch.step);
  const double lr = plan_->schedule.at(step);
  state_.optimizer.step(model.parameters(), model.gradients(), static_cast<float>(lr));
  if (state_.average) state_.average->follow(model, step, plan_->steps_of_run);
  step_ = {step, lr, result.loss_sum, result.correct, batch.count(), batch.global_count};
}

// Leaves the gradients of the batch of all trainers in the model; exchanges while it computes the
// last micro-batch.
nn::Model::StepResult HostEngine::compute_gradients(const io::Batch& batch) {
  nn::Model& model = state_.model;
  const auto parts = static_cast<size_t>(state_.recipe.accumulate);
  nn::Model::StepResult result;
  for (size_t part = 0; part + 1 < parts; ++part) {
    result += micro_step(batch, part, {});
    accumulate(part == 0, share(batch, part));
  }
  const float weight = static_cast<float>(batch.count()) / static_cast<float>(batch.global_count);
  const int64_t step = plan_->first_step + static_cast<int64_t>(batch.step);
  const std::span<float> gradients = model.gradients();
  const bool staged = !model.ops().on_host() && sync_.on_device() == nullptr;
  size_t final_from = gradients.size();
  if (!staged) sync_.begin(gradients, weight);
  result += micro_step(batch, parts - 1, [&](size_t first) {
    if (parts > 1) add_accumulated(gradients, first, final_from, share(batch, parts - 1));
    watch_.look(step, gradients, first, final_from);
    final_from = first;
    if (!staged) sync_.ready(first);
  });
  if (staged) {
    combine_on_host(weight);
  } else {
    sync_.finish();
  }
  return result;
}

nn::Model::StepResult HostEngine::micro_step(const io::Batch& batch, size_t part,
                                             const nn::GradientsReady& ready) {
  const io::BatchRange range = micro_batch(batch, part);
  const size_t image_bytes = batch.count() == 0 ? 0 : batch.images.size() / batch.count();
  return state_.model.forward_backward(
      batch.images.subspan(range.begin * image_bytes, range.count() * image_bytes),
      batch.labels.subspan(range.begin, range.count()),
      static_cast<float>(state_.recipe.label_smoothing), ready);
}

io::BatchRange HostEngine::micro_batch(const io::Batch& batch, size_t part) const {
  return io::share_of({0, batch.count()}, part, static_cast<size_t>(state_.recipe.accumulate));
}

// Of the micro-batch in this rank's images of the step.
float HostEngine::share(const io::Batch& batch, size_t part) const {
  if (batch.count() == 0) return 0;
  return static_cast<float>(micro_batch(batch, part).count()) / static_cast<float>(batch.count());
}

void HostEngine::accumulate(bool first, float share) {
  const std::span<const float> gradients = state_.model.gradients();
  accumulated_.resize(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    accumulated_[i] = (first ? 0.0F : accumulated_[i]) + share * gradients[i];
  }
}

void HostEngine::add_accumulated(std::span<float> gradients, size_t begin, size_t end,
                                 float share) const {
  for (size_t i = begin; i < end; ++i) gradients[i] = accumulated_[i] + share * gradients[i];
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
