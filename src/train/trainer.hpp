// Trainer: the one training loop.
//
// Every trainer rank of a group runs it on an equal copy of the model with its own share of each
// batch. How steps are taken is the StepEngine's; what differs between training modes is the
// GradientSync in it. After each epoch the loop averages the running statistics, evaluates on the
// validation split, checks that all replicas hold identical bits, and reports.
// Where the recipe asks for an average of the weights, that average is what is evaluated and what
// the model holds in the end.
//
// Every few steps (about every ten seconds where trainers are not in step), or after those that the
// engine takes at once, the ranks agree, in one small collective, on whether to stop, whether to
// save, and whether the run has diverged (loss_watch.hpp). One that has ends all trainers with one
// error, and that state is not saved. A run that stops is saved where it stands, in the middle of
// an epoch or not (checkpoints.hpp).
//
// Records that are appended to the cache while a run is under way wait for the next run, or, for
// one that follows, for its next epoch; all ranks take them up together.
//
// Threads: a Trainer belongs to one thread. All its calls are collective over the group.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"
#include "io/loader/loader.hpp"
#include "train/advance.hpp"
#include "train/checkpoints.hpp"
#include "train/confusion.hpp"
#include "train/loss_watch.hpp"
#include "train/mlperf_log.hpp"
#include "train/progress.hpp"
#include "train/step_engine.hpp"
#include "train/training_state.hpp"
#include "train/wall_time.hpp"

namespace podium::train {

struct TrainerOptions {
  std::string data;  // names the split: a checkpoint of another is not used
  CheckpointOptions checkpoints;
  uint64_t generation = 0;  // of the cache, for a run that begins; the same on all ranks
  bool follow = false;      // take up at each epoch what was appended
  io::Shuffle shuffle = io::Shuffle::automatic;
  size_t prefetch_threads = 1;
  double target_accuracy = 0;  // on validation, in [0,1]: training ends once it is reached; 0: none
  std::shared_ptr<MlperfLog> mlperf;  // gets epochs and evaluations, on rank 0; null: none
  std::function<void(const Progress&)> on_epoch;  // called on rank 0 of the group
  // Called on rank 0 of the group, now and then while an epoch is under way.
  std::function<void(const EpochAdvance&)> on_advance;
  std::function<bool()> should_stop;  // any rank may ask; all stop together
  Log log;
};

class Trainer {
 public:
  enum class Outcome { finished, stopped };

  // All references must outlive the trainer. `state` is a new one; it is resumed from the newest
  // checkpoint of the same recipe and data.
  Trainer(TrainingState& state, io::Dataset& dataset, StepEngine& engine, comm::Communicator& group,
          TrainerOptions options);

  // Trains to the last epoch or to the target accuracy, or until some rank is asked to stop. Call
  // it once. Throws usage_error when the run has diverged, internal_error when replicas hold
  // different bits.
  Outcome run();

  const Progress& progress() const { return progress_; }
  // Of this rank since run() began.
  const WallTime& wall_time() const { return wall_time_; }
  // True once validation accuracy after the last epoch is at least the target.
  bool reached_target() const;

  // How the model as it is classifies the validation split: counted after the last epoch, or now,
  // when this trainer had none to train. Collective.
  Confusion validation();

 private:
  struct Epoch;

  Outcome train_epoch();
  Epoch begin_epoch();
  EpochPlan plan() const;
  size_t steps_per_epoch() const;
  io::LoaderOptions loader_options() const;
  void check_average(int64_t steps) const;
  void take_up_appended();
  bool take_steps(Epoch& epoch);
  void note(std::span<const Step> steps, Epoch& epoch);
  void tell_advance(const Epoch& epoch);
  void finish_epoch(const Epoch& epoch);
  void count_wall_time();
  bool done() const;
  bool agree(const Epoch& epoch);
  double pace(const Epoch& epoch) const;
  [[noreturn]] void fail(const Divergence& divergence, const Epoch& epoch);
  void average_statistics(std::span<float> statistics);
  void validate();
  void check_replicas();
  void resume();
  TrainingPoint between_epochs() const;
  TrainingPoint within(const Epoch& epoch) const;
  TrainingIdentity identity() const;

  TrainingState& state_;
  const Recipe& recipe_;  // of the state
  io::Dataset& dataset_;
  StepEngine& engine_;
  comm::Communicator& group_;
  TrainerOptions options_;
  LossWatch loss_watch_;
  Progress progress_;
  Checkpoints checkpoints_;
  const Checkpoints::Identity identity_;
  std::optional<TrainingPoint> resumed_;           // in the middle of an epoch, until that goes on
  Stopwatch lap_;                                  // since total_s was last brought up to date
  Stopwatch wall_;                                 // since run() began
  Stopwatch told_;                                 // since on_advance was last called
  WallTime wall_time_;                             // then
  size_t steps_to_agreement_ = LossWatch::window;  // all ranks agree that often
  bool stop_wanted_ = false;                       // by some rank, at the end of an epoch
  std::optional<Confusion> validation_;            // after the last epoch trained here
};

}  // namespace podium::train
