// PsEngine: steps of trainers that do not wait for each other (--ps.consistency=ssp|asp): the
// parameter servers hold the weights and their momentum.
//
// A step computes the gradient of this trainer's share of the batch, pushes it, and pulls the
// weights for the next; the servers apply the optimizer to each push as it comes, at the recipe's
// rate times the trainer's share of the batch. With ssp a trainer waits at its pull for those that
// are more than the bound behind; with asp never.
//
// So in a step no two trainers need to have the same weights. settle() is where all get those of
// the servers, with their momentum, for whoever looks at the training state: a checkpoint holds
// both, and the servers of a run that goes on begin with them.
#pragma once

#include <optional>
#include <vector>

#include "io/loader/dataset.hpp"
#include "train/epoch_batches.hpp"
#include "train/ps_client.hpp"
#include "train/ps_step.hpp"
#include "train/step_engine.hpp"

namespace podium::train {

class PsEngine final : public StepEngine {
 public:
  // Starts the servers with the first epoch. All references must outlive the engine. What it does
  // is told to `lane`.
  PsEngine(TrainingState& state, const io::Dataset& dataset, PsClient& client, Lane lane = {})
      : state_(state), client_(client), batches_(dataset, lane), steps_(state, client, lane) {
    state_.model.trace(std::move(lane));
  }

  void start_epoch(const EpochPlan& plan) override;
  std::span<const Step> advance() override;  // by one step
  WallTime times() const override { return batches_.times(client_.times()); }
  std::optional<BadGradient> bad_gradient() const override { return steps_.bad(); }
  bool in_step() const override { return false; }
  void settle() override;

 private:
  TrainingState& state_;
  PsClient& client_;
  EpochBatches batches_;
  PsStep steps_;
};

}  // namespace podium::train
