// LearnRun: learning in one mode, from the first explorer to the finished policy, on every rank of
// a job (docs/learn.md).
//
// The first rank has the hub and leads the trainers; other ranks that train follow; every rank
// keeps the explorers that are dealt to it. Collective: all ranks make it with equal settings and
// call run().
//
// Threads: belongs to the verb's thread; hub and crew have threads of their own.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "learn/explorer_crew.hpp"
#include "learn/hub.hpp"
#include "learn/layout.hpp"
#include "learn/learner.hpp"
#include "learn/mode_profile.hpp"
#include "learn/trainers.hpp"
#include "learn_settings.hpp"
#include "verbs.hpp"

namespace podium {

// On the first rank; elsewhere only `ended`.
struct LearnOutcome {
  learn::Ended ended = learn::Ended::all_done;
  std::string ended_by;  // for people
  double seconds = 0;    // with those before a stop
  learn::DeskReport report;
  std::array<double, learn::spent_kinds> explorers_s{};  // seconds, by what they were spent on
  std::array<double, learn::spent_kinds> trainers_s{};
  int explorers_came = 0;
  int explorers_lost = 0;
  learn::Timeline timeline;  // where the settings ask for it
  uint64_t updates = 0;
  std::optional<double> accuracy;  // of images
  double mean_return = 0;          // by the likeliest actions, or as it was explored
  std::string weights_xxh3;
  ckpt::Snapshot model;  // the policy
};

class LearnRun {
 public:
  using Json = nlohmann::ordered_json;

  struct Place {
    const VerbContext& context;
    const learn::LearnLayout& layout;
    comm::Communicator& group;     // all ranks
    comm::Communicator* trainers;  // null: this rank does not train
    std::function<bool()> should_stop;
    Json identity;  // of what a checkpoint goes on from
  };

  LearnRun(const Place& place, LearnSettings settings);

  LearnOutcome run();

 private:
  LearnOutcome lead();
  void follow();
  std::string listen() const;
  learn::HubAddress share_address(const learn::HubAddress& address);
  learn::HubOptions hub_options(const learn::EnvironmentKit& kit) const;
  learn::LearnerOptions learner_options(const learn::EnvironmentKit& kit) const;
  learn::ExplorerCrewOptions crew_options(const learn::HubAddress& hub) const;
  void gather(const learn::Accounting& accounting, LearnOutcome* outcome);
  void evaluate(learn::Learner& learner, const learn::EnvironmentKit& kit, LearnOutcome* outcome);
  void check_replicas(learn::Learner& learner);

  const Place place_;
  const LearnSettings settings_;
};

}  // namespace podium
