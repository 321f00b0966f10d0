// What `podium plan` says: the layout of a job on so many nodes, what a rank needs in memory, and
// what a step takes, for each model.
//
// The computing of one rank is measured here, or given; the exchange is what a cost model says of
// the network (forecast.hpp). All ranks train, as `podium train` has them; how `podium run` would
// deal out roles is told beside it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "plan/forecast.hpp"
#include "plan/memory_need.hpp"

namespace podium::plan {

struct PlanOptions {
  std::vector<train::Recipe> models;
  int nodes = 1;
  int ranks_per_node = 1;
  bool weak = false;  // the recipe's batch is that of each rank, not of all together
  std::string roles;  // as in --roles
  DeviceChoice device;
  int threads = 1;  // per rank
  DataShape data;
  std::vector<double> step_s;  // of one rank, by model; empty: measured
  double seconds = 0.5;        // of a measurement
  Link link;
  std::string calibration;  // file with costs of a job of this shape; empty: none
  Log log;

  int ranks() const { return nodes * ranks_per_node; }
};

struct ModelPlan {
  std::string name;
  size_t parameters = 0;
  int batch = 0;  // over all ranks
  int share = 0;  // the largest that a rank gets
  MemoryNeed memory;
  std::vector<ReadyBucket> buckets;
  StepForecast step;
  double epoch_s = 0;
};

struct Plan {
  int nodes = 1;
  int ranks_per_node = 1;
  int threads = 1;
  std::string mode;
  std::string roles;    // of `podium run`
  std::string costs;    // where they come from: "calibration" or "link"
  std::string compute;  // "measured" or "given"
  std::vector<ModelPlan> models;
};

// Throws usage_error for numbers that contradict each other, io_error for costs that cannot be
// read, and what measuring throws.
Plan make_plan(const PlanOptions& options);

std::string to_text(const Plan& plan);
nlohmann::ordered_json to_json(const Plan& plan);

}  // namespace podium::plan
