// HostEngine: steps taken one by one, with batches that the loader brings and gradients exchanged
// by the host, from the moment on that the backward pass has finished the first of them. Runs on
// any backend and any data.
//
// With recipe.accumulate > 1 each rank cuts its images of a step into micro-batches, adds up their
// gradients, weighted by their images, and exchanges once: the gradient of the whole batch, to
// rounding. Each micro-batch has dropout masks and batch statistics of its own.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "io/loader/batch_range.hpp"
#include "io/loader/dataset.hpp"
#include "train/gradient_sync.hpp"
#include "train/step_engine.hpp"
#include "train/training_state.hpp"

namespace podium::train {

class HostEngine final : public StepEngine {
 public:
  // All references must outlive the engine.
  HostEngine(TrainingState& state, const io::Dataset& dataset, GradientSync& sync)
      : state_(state), dataset_(dataset), sync_(sync), watch_(state.model.buffers()) {}

  void start_epoch(const EpochPlan& plan) override;
  std::span<const Step> advance() override;  // by one step
  WallTime times() const override;
  std::optional<BadGradient> bad_gradient() const override { return watch_.found(); }

 private:
  void take_step(const io::Batch& batch);
  nn::Model::StepResult compute_gradients(const io::Batch& batch);
  nn::Model::StepResult micro_step(const io::Batch& batch, size_t part,
                                   const nn::GradientsReady& ready);
  io::BatchRange micro_batch(const io::Batch& batch, size_t part) const;
  float share(const io::Batch& batch, size_t part) const;
  void accumulate(bool first, float share);
  void add_accumulated(std::span<float> gradients, size_t begin, size_t end, float share) const;
  void combine_on_host(float weight);

  TrainingState& state_;
  const io::Dataset& dataset_;
  GradientSync& sync_;
  std::optional<EpochPlan> plan_;
  std::unique_ptr<io::Loader> loader_;  // during an epoch
  GradientWatch watch_;
  std::vector<float> accumulated_;  // gradients of the step's micro-batches so far
  std::vector<float> staged_;       // gradients, where the model computes elsewhere
  Step step_;                       // the last one
  double data_wait_s_ = 0;
  double steps_s_ = 0;  // without the wait for their data
};

}  // namespace podium::train
