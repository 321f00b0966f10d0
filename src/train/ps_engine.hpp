// PsEngine: steps of trainers that do not wait for each other (--ps.consistency=ssp|asp): the
// parameter servers hold the weights and their momentum.
//
// A step computes the gradient of this trainer's share of the batch, pushes it, and pulls the
// weights for the next; the servers apply the optimizer to each push as it comes, at the recipe's
// rate times the trainer's share of the batch. With ssp a trainer waits at its pull for those that
// are more than the bound behind; with asp never.
//
// So in a step no two trainers need to have the same weights. settle() is where all get those of
// the servers, for whoever looks at the training state: the momentum of its optimizer is not used.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "io/loader/dataset.hpp"
#include "train/ps_client.hpp"
#include "train/ps_step.hpp"
#include "train/step_engine.hpp"

namespace podium::train {

class PsEngine final : public StepEngine {
 public:
  // Starts the servers with the first epoch. All references must outlive the engine.
  PsEngine(TrainingState& state, const io::Dataset& dataset, PsClient& client)
      : state_(state), dataset_(dataset), client_(client), steps_(state, client) {}

  void start_epoch(const EpochPlan& plan) override;
  std::span<const Step> advance() override;  // by one step
  WallTime times() const override;
  std::optional<BadGradient> bad_gradient() const override { return steps_.bad(); }
  bool in_step() const override { return false; }
  void settle() override;

 private:
  TrainingState& state_;
  const io::Dataset& dataset_;
  PsClient& client_;
  std::optional<EpochPlan> plan_;
  std::unique_ptr<io::Loader> loader_;  // during an epoch
  PsStep steps_;
  std::vector<float> staged_;  // weights on their way
  Step step_;                  // the last one
  double data_wait_s_ = 0;
  double steps_s_ = 0;  // without the wait for their data
};

}  // namespace podium::train
