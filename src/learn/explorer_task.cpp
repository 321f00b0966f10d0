#include "learn/explorer_task.hpp"

#include <nlohmann/json.hpp>

#include "core/hash.hpp"
#include "io/loader/dataset.hpp"
#include "learn/timed_environment.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;

// Of the explorers of all jobs.
Json common(const ExplorerTask& task) {
  return {{"environment", task.environment},
          {"environments", task.environments},
          {"steps", task.steps},
          {"policy", task.policy},
          {"seed", task.seed}};
}

std::shared_ptr<io::Dataset> open_dataset(const ExplorerTask& task) {
  if (task.cache.empty()) return nullptr;
  io::DatasetOptions options;
  options.generation = task.generation;
  options.memory_bytes = task.memory_bytes;
  return std::make_shared<io::Dataset>(io::Dataset::open(task.cache, options));
}

}  // namespace

std::string ExplorerTask::digest() const {
  const std::string text = common(*this).dump();
  return to_hex(xxh3(std::as_bytes(std::span(text))));
}

Json to_json(const ExplorerTask& task) {
  Json json = common(task);
  json["cache"] = task.cache.string();
  json["generation"] = task.generation;
  json["memory_bytes"] = task.memory_bytes;
  json["threads"] = task.threads;
  return json;
}

ExplorerTask explorer_task_from(const Json& json) {
  ExplorerTask task;
  task.environment = json.at("environment");
  task.environments = json.at("environments");
  task.steps = json.at("steps");
  task.policy = json.at("policy");
  task.seed = json.at("seed");
  task.cache = json.at("cache").get<std::string>();
  task.generation = json.at("generation");
  task.memory_bytes = json.at("memory_bytes");
  task.threads = json.at("threads");
  return task;
}

EnvironmentKit::EnvironmentKit(const ExplorerTask& task, io::Split split)
    : task_(task), dataset_(open_dataset(task)), split_(split), info_(make(0)->info()) {}

std::unique_ptr<Environment> EnvironmentKit::make(int) const {
  return make_environment({task_.environment, dataset_, split_});
}

PolicyOptions EnvironmentKit::policy_options() const {
  PolicyOptions options;
  options.architecture = task_.policy;
  options.threads = task_.threads;
  if (dataset_) {
    const io::DatasetInfo& data = dataset_->info();
    options.preprocess.mean.assign(data.mean.begin(), data.mean.end());
    options.preprocess.stddev.assign(data.stddev.begin(), data.stddev.end());
    options.action_names = data.class_names;
  }
  return options;
}

}  // namespace podium::learn
