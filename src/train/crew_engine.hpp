// CrewEngine: steps taken by trainers that are worker processes of the ranks, through parameter
// servers (--ps.trainers): what trains survives the death of any of them.
//
// Each rank keeps as many trainers as there are `parts` of its share of a step. It hands out leases
// of those parts (shift.hpp), and hears of each that is done; the gradients go to the servers,
// which hold the weights and their momentum whatever the consistency. A trainer that dies is
// dropped by the servers, its lease is handed on, and its successor joins with the weights as they
// are. Every image of an epoch is seen at least once; twice may be seen only the part at which a
// trainer was when it died.
//
// advance() takes all steps up to the next pause, about ten seconds' worth: there all trainers have
// left the servers, and every rank gets the weights.
//
// Threads: belongs to its rank's thread, which sleeps while the trainers compute.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/crew.hpp"
#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"
#include "ps/tcp/server_group.hpp"
#include "train/ps_options.hpp"
#include "train/ps_report.hpp"
#include "train/shift.hpp"
#include "train/step_engine.hpp"
#include "train/trainer_setup.hpp"
#include "train/training_state.hpp"

namespace podium::train {

struct CrewSpec {
  TrainingState& state;  // all references must outlive the engine
  const io::Dataset& dataset;
  comm::Communicator& group;
  PsOptions servers;  // with the trainers of a rank
  int gpu = DeviceChoice::cpu;
  int threads = 1;  // of a trainer
  Log log;
};

class CrewEngine final : public StepEngine {
 public:
  // Throws usage_error for a recipe that averages weights.
  explicit CrewEngine(CrewSpec spec);
  ~CrewEngine() override;

  // Starts servers and trainers with the first epoch.
  void start_epoch(const EpochPlan& plan) override;
  // Throws unavailable_error once no trainer is left, or no server that holds a part of the
  // weights.
  std::span<const Step> advance() override;
  WallTime times() const override;
  std::optional<BadGradient> bad_gradient() const override { return bad_; }

  // Collective.
  PsReport report();

 private:
  void start();
  int number_of(int trainer) const;  // in the job
  TrainerSetup setup_of(int trainer) const;
  int64_t next_pause();
  void work(int64_t end);
  void hear(const CrewEvent& event);
  void hear_word(const CrewEvent& event);
  void take_unit(const Json& message);
  void take_rest(const Json& message);
  void note_death(const CrewEvent& event);
  void tell(const Shift::Order& order);
  Json rates_of(const Lease& lease) const;
  size_t images_of(const Lease& lease) const;
  void finish_step();
  void pull_weights();

  const CrewSpec spec_;
  const size_t parts_;
  ps::GroupOptions group_options_;
  std::vector<ps::NamedSize> buffers_;
  std::string ticket_;
  std::optional<ps::ServerGroup> servers_;  // on the first rank, from the first epoch on
  std::optional<Crew> crew_;                // the same; goes before the servers
  Shift shift_;
  std::vector<int> lives_;  // by trainer: the process that takes part
  std::string last_words_;  // of a trainer that failed

  std::optional<EpochPlan> plan_;
  int64_t next_ = 0;  // step of the epoch
  int64_t steps_of_epoch_ = 0;
  double steps_per_s_ = 0;   // up to the last pause; 0: unknown
  Step gathering_;           // what is done of the next step to be told
  size_t gathered_ = 0;      // its parts
  std::vector<Step> steps_;  // since the last pause

  std::vector<std::vector<float>> statistics_;  // of those who rest, since the last pause
  ps::WorkerReport told_;
  WallTime times_;
  CrewReport report_;
  std::optional<BadGradient> bad_;
};

}  // namespace podium::train
