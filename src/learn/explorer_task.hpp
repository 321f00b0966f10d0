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
  std::unique_ptr<Environment> make(int place) const;
  PolicyOptions policy_options() const;

 private:
  ExplorerTask task_;
  std::shared_ptr<io::Dataset> dataset_;
  io::Split split_;
  EnvironmentInfo info_;
};

}  // namespace podium::learn
