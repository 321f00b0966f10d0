// Job: what every role of a pipeline job shares on its rank.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "core/roles.hpp"
#include "core/trace.hpp"
#include "workflow/control_plane.hpp"
#include "workflow/settings.hpp"
#include "workflow/stop_requests.hpp"

namespace podium::workflow {

// The rank that conducts (conductor.hpp).
inline constexpr int conductor_rank = 0;

// Trainers in groups, each of which trains its own share of the models.
struct TrainerGroups {
  std::vector<std::vector<int>> ranks;    // world ranks of each group
  std::vector<std::vector<size_t>> work;  // indices into Settings::recipes, in order

  // The group of a world rank, or -1.
  int group_of(int rank) const;
};

// With at least as many trainers as models, every model gets a group of its own (the later models,
// by custom the larger ones, get the trainers that do not divide); otherwise all trainers train one
// model after another. `wanted` > 0 asks for that many groups; throws usage_error when there are
// fewer trainers.
TrainerGroups plan_groups(const std::vector<int>& trainers, size_t models, int wanted);

// The name of the node that this process runs on.
std::string node_name();

struct Job {
  const Settings& settings;
  const RoleLayout& layout;
  const TrainerGroups& groups;
  ControlPlane& control;
  comm::Communicator& weights;   // all ranks; trainers hand named buffers to ckpt ranks
  comm::Communicator& memory;    // all ranks; trainers' states, to and from ckpt ranks
  comm::Communicator& requests;  // all ranks; requests to the services of serving ranks
  comm::Communicator* ingest;    // the ingest ranks; null elsewhere
  comm::Communicator* train;     // this rank's group of trainers; null elsewhere
  comm::Communicator* ckpt;      // the ckpt ranks; null elsewhere
  int threads = 1;               // per trainer
  const StopRequests& stops;     // what this rank was told
  Tracer& tracer;                // of this rank

  int rank() const { return control.rank(); }
  void tell_conductor(const Json& event) const {
    control.send(conductor_rank, Mailbox::conductor, event);
  }
  // Of what happened at another moment than this.
  void tell_conductor(Json event, std::chrono::system_clock::time_point at) const {
    event["at_s"] = std::chrono::duration<double>(at.time_since_epoch()).count();
    tell_conductor(event);
  }
};

}  // namespace podium::workflow
