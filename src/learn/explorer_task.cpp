#include "learn/explorer_task.hpp"

#include <nlohmann/json.hpp>

#include "core/hash.hpp"
#include "io/loader/dataset.hpp"

namespace podium::learn {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const StepTimes& times) {
  return {{"tail", static_cast<int>(times.tail)},
          {"mean_ms", times.mean_ms},
          {"spread", times.spread},
          {"one_in", times.one_in},
          {"times", times.times},
          {"together", times.together}};
}

StepTimes step_times_from(const Json& json) {
  StepTimes times;
  times.tail = static_cast<StepTimes::Tail>(json.at("tail").get<int>());
  times.mean_ms = json.at("mean_ms");
  times.spread = json.at("spread");
  times.one_in = json.at("one_in");
  times.times = json.at("times");
  times.together = json.at("together");
  return times;
}

// Of the explorers of all jobs.
Json common(const ExplorerTask& task) {
  return {
      {"environment", task.environment}, {"environments", task.environments}, {"steps", task.steps},
      {"policy", task.policy},           {"times", to_json(task.times)},      {"seed", task.seed}};
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
  json["keep_spans"] = task.keep_spans;
  json["trace"] = task.trace;
  json["rank"] = task.rank;
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
  task.times = step_times_from(json.at("times"));
  task.keep_spans = json.at("keep_spans");
  task.trace = json.at("trace");
  task.rank = json.at("rank");
  return task;
}

EnvironmentKit::EnvironmentKit(const ExplorerTask& task, io::Split split)
    : task_(task), dataset_(open_dataset(task)), split_(split), info_(make(0)->info()) {}

std::unique_ptr<Environment> EnvironmentKit::make(int place) const {
  std::unique_ptr<Environment> made = make_environment({task_.environment, dataset_, split_});
  if (task_.times.mean_ms <= 0) return made;
  const uint64_t seed = mix64(task_.seed ^ mix64(static_cast<uint64_t>(place)));
  return std::make_unique<TimedEnvironment>(std::move(made), task_.times, seed);
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
