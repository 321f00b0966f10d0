// HostEngine: steps taken one by one, with batches that the loader brings and gradients exchanged
// by the host, from the moment on that the backward pass has finished the first of them. Runs on
// any backend and any data. Where a rank cuts its images into micro-batches (local_gradients.hpp),
// it exchanges once a step.
#pragma once

#include <optional>
#include <vector>

#include "io/loader/dataset.hpp"
#include "train/epoch_batches.hpp"
#include "train/gradient_sync.hpp"
#include "train/local_gradients.hpp"
#include "train/step_engine.hpp"
#include "train/training_state.hpp"

namespace podium::train {

class HostEngine final : public StepEngine {
 public:
  // All references must outlive the engine. What it does is told to `lane`.
  HostEngine(TrainingState& state, const io::Dataset& dataset, GradientSync& sync, Lane lane = {})
      : state_(state), sync_(sync), lane_(lane), batches_(dataset, lane), local_(state) {
    state_.model.trace(std::move(lane));
  }

  void start_epoch(const EpochPlan& plan) override;
  std::span<const Step> advance() override;  // by one step
  WallTime times() const override { return batches_.times(sync_.times()); }
  std::optional<BadGradient> bad_gradient() const override { return local_.bad(); }

 private:
  nn::Model::StepResult compute_gradients(const io::Batch& batch, int64_t step);
  void combine_on_host(float weight);

  TrainingState& state_;
  GradientSync& sync_;
  Lane lane_;
  EpochBatches batches_;
  LocalGradients local_;
  std::vector<float> staged_;  // gradients, where the model computes elsewhere
};

}  // namespace podium::train
