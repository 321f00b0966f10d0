// StepSource: who takes the steps of a training run, made of the settings: the ranks themselves,
// which sum gradients among themselves or through parameter servers, or worker processes of theirs.
//
// Threads: belongs to its trainer's thread.
#pragma once

#include <memory>
#include <optional>

#include "core/log.hpp"
#include "train/crew_engine.hpp"
#include "train/gradient_syncs.hpp"
#include "train/ps_client.hpp"
#include "train/ps_report.hpp"
#include "train/training_state.hpp"
#include "workflow/settings.hpp"
#include "workflow/training_step.hpp"

namespace podium::workflow {

// Worker processes of each rank that train in its place; 0: the ranks train.
int trainers_of(const Settings& settings);

class StepSource {
 public:
  // `threads` are a rank's. All references must outlive the object. Collective.
  StepSource(const Settings& settings, train::TrainingState& state, const io::Dataset& dataset,
             comm::Communicator& group, int threads, const TrainingHooks& hooks, const Log& log);

  train::StepEngine& engine() { return *engine_; }

  // After the last step: what the parameter servers of this job took, where it had some.
  // Collective.
  std::optional<train::PsReport> conclude();

 private:
  std::unique_ptr<train::PsClient> client_;    // of ranks that train by servers
  std::unique_ptr<train::GradientSync> sync_;  // of ranks that train
  std::unique_ptr<train::StepEngine> engine_;  // goes before the two
  train::CrewEngine* crew_ = nullptr;          // the engine, where worker processes train
};

}  // namespace podium::workflow
