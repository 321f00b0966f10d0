// ExplorerTask: what explorers do, as the rank that starts one tells it; EnvironmentKit: the same
// with what it takes, for whoever acts in such environments.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "io/loader/dataset.hpp"
#include "learn/environment.hpp"
#include "learn/policy.hpp"
#include "learn/timed_environment.hpp"

namespace podium::learn {

struct ExplorerTask {
  std::string environment;
  std::filesystem::path cache;  // of images; empty: none are needed
  uint64_t generation = 0;
  uint64_t memory_bytes = 0;  // of images in memory
  int environments = 8;
  int steps = 32;
  std::string policy;  // architecture text
  uint64_t seed = 1;
  int threads = 1;
  StepTimes times;          // that steps take; mean_ms 0: as long as they do
  bool keep_spans = false;  // explorers tell when they did what (accounting.hpp)
  std::string trace;        // the ticket of their trace (core/trace.hpp); empty: none
  int rank = 0;             // that starts them

  // Of what explorers have in common, those of other jobs included.
  std::string digest() const;
};

nlohmann::ordered_json to_json(const ExplorerTask& task);
// Throws nlohmann::json::exception.
ExplorerTask explorer_task_from(const nlohmann::ordered_json& json);

class EnvironmentKit {
 public:
  // Opens the images where some are needed. Throws what that does; usage_error for an unknown
  // environment.
  EnvironmentKit(const ExplorerTask& task, io::Split split);

  const EnvironmentInfo& info() const { return info_; }
  const std::shared_ptr<io::Dataset>& dataset() const { return dataset_; }  // null: without images
  // `place`: a number of its own among all environments of all explorers.
  std::unique_ptr<Environment> make(int place) const;
  PolicyOptions policy_options() const;

 private:
  ExplorerTask task_;
  std::shared_ptr<io::Dataset> dataset_;
  io::Split split_;
  EnvironmentInfo info_;
};

}  // namespace podium::learn
