// EpochBatches: what engines share that take the steps of an epoch one by one on the host: the
// loader that brings the batches, and where the time of the steps goes.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "core/clock.hpp"
#include "core/trace.hpp"
#include "io/loader/dataset.hpp"
#include "nn/model.hpp"
#include "train/gradient_sync.hpp"
#include "train/step_engine.hpp"

namespace podium::train {

class EpochBatches {
 public:
  // `dataset` must outlive the object. Waits for batches are spans of `lane`.
  explicit EpochBatches(const io::Dataset& dataset, Lane lane = {})
      : dataset_(dataset), lane_(std::move(lane)) {}

  // As of StepEngine.
  void start_epoch(const EpochPlan& plan);
  // REQUIRES: an epoch has been started.
  const EpochPlan& plan() const { return *plan_; }

  // Takes the next step by `take(batch, step, lr)`, which returns a Model::StepResult; `step` is
  // that of the run. Returns it, or none at the end of the epoch.
  template <typename Take>
  std::span<const Step> advance(Take&& take) {
    const std::optional<io::Batch> batch = next();
    if (!batch) return {};
    const Stopwatch watch;
    const int64_t step = plan_->first_step + static_cast<int64_t>(batch->step);
    const double lr = plan_->schedule.at(step);
    const nn::Model::StepResult result = take(*batch, step, lr);
    step_ = {step, lr, result.loss_sum, result.correct, batch->count(), batch->global_count};
    steps_s_ += watch.seconds();
    return {&step_, 1};
  }

  // Of what belongs to the steps and is done between them.
  void add_seconds(double seconds) { steps_s_ += seconds; }
  // Of all steps so far, whose time has that of the exchange in it.
  WallTime times(const ExchangeTimes& exchange) const;

 private:
  std::optional<io::Batch> next();

  const io::Dataset& dataset_;
  Lane lane_;
  std::optional<EpochPlan> plan_;
  std::unique_ptr<io::Loader> loader_;  // during an epoch
  Step step_;                           // the last one
  double data_wait_s_ = 0;
  double steps_s_ = 0;  // without the wait for their data
};

}  // namespace podium::train
