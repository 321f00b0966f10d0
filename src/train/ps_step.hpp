// PsStep: one step of a trainer whose weights the parameter servers hold: it computes the gradient
// of its images, pushes it, and pulls the weights for the next step.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "train/local_gradients.hpp"
#include "train/ps_client.hpp"

namespace podium::train {

class PsStep {
 public:
  // Both must outlive the object. Waits for weights are spans of `lane`.
  PsStep(TrainingState& state, PsClient& client, Lane lane = {})
      : state_(state), client_(client), lane_(std::move(lane)), local_(state) {}

  // Puts the dropout masks where the epoch begins.
  void start_epoch(const EpochPlan& plan) { local_.start_epoch(plan); }
  // `step` is that of the run; `how`, what the servers make of the gradient. REQUIRES: the client
  // has started.
  nn::Model::StepResult take(const io::Batch& batch, int64_t step, const ps::PushOptions& how);

  // The first gradient that was no finite number.
  const std::optional<BadGradient>& bad() const { return local_.bad(); }

 private:
  nn::Model::StepResult take_staged(const io::Batch& batch, int64_t step,
                                    const ps::PushOptions& how);

  TrainingState& state_;
  PsClient& client_;
  Lane lane_;
  LocalGradients local_;
  std::vector<float> staged_;  // gradients or weights on their way
};

// Into the model, wherever it computes.
void put_parameters(nn::Model& model, std::span<const float> weights);

// What the servers hold of a training state: the weights and, behind them, their momentum.
std::vector<float> served_state(TrainingState& state);
void put_served_state(TrainingState& state, std::span<const float> served);

}  // namespace podium::train
