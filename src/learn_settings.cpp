#include "learn_settings.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.hpp"
#include "schema.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

// Of no consequence to what is learnt from one batch to the next.
constexpr std::array<std::string_view, 11> for_this_job = {
    "learn.samples",    "learn.updates",          "learn.seconds", "learn.until_return",
    "learn.evaluation", "learn.window",           "learn.silence", "learn.listen",
    "learn.join",       "learn.explorer_threads", "learn.threads"};

int whole(const Config& config, const char* key) {
  return static_cast<int>(config.integer(key));
}

learn::ExplorerTask explorer_task(const Config& config) {
  learn::ExplorerTask task;
  task.environment = config.text("learn.environment");
  task.environments = whole(config, "learn.environments");
  task.steps = whole(config, "learn.steps");
  task.policy = config.text("learn.policy");
  task.seed = static_cast<uint64_t>(config.integer("learn.seed"));
  task.threads = whole(config, "learn.explorer_threads");
  return task;
}

learn::ObjectiveOptions objective_options(const Config& config) {
  learn::ObjectiveOptions objective;
  objective.name = config.text("learn.objective");
  objective.discount = config.real("learn.discount");
  objective.gae_lambda = config.real("learn.gae_lambda");
  objective.clip = config.real("learn.clip");
  objective.entropy = config.real("learn.entropy");
  objective.rho_most = config.real("learn.rho");
  objective.c_most = config.real("learn.c");
  objective.normalise = config.boolean("learn.normalise");
  return objective;
}

learn::DescentOptions descent_options(const Config& config) {
  using Options = learn::DescentOptions;
  Options descent;
  const bool adam = config.text("learn.optimizer") == "adam";
  const bool falls = config.text("learn.lr_decay") == "linear";
  descent.rule = adam ? Options::Rule::adam : Options::Rule::sgd;
  descent.decay = falls ? Options::Decay::linear : Options::Decay::none;
  descent.lr = config.boolean("learn.profile") ? 0 : config.real("learn.lr");
  descent.most_norm = config.real("learn.max_norm");
  return descent;
}

learn::LearnerOptions learner_options(const Config& config) {
  learn::LearnerOptions learner;
  learner.critic = config.text("learn.critic");
  if (learner.critic == "none") learner.critic.clear();
  learner.objective = objective_options(config);
  learner.descent = descent_options(config);
  learner.critic_lr = config.boolean("learn.profile") ? 0 : config.real("learn.critic_lr");
  learner.epochs = whole(config, "learn.epochs");
  learner.minibatches = whole(config, "learn.minibatches");
  learner.seed = static_cast<uint64_t>(config.integer("learn.seed"));
  return learner;
}

learn::BufferOptions buffer_options(const Config& config) {
  learn::BufferOptions buffer;
  const bool fifo = config.text("learn.order") == "fifo";
  buffer.order = fifo ? learn::BufferOrder::fifo : learn::BufferOrder::priority;
  buffer.capacity = static_cast<size_t>(config.integer("learn.capacity"));
  buffer.reuse = whole(config, "learn.reuse");
  buffer.cool_down = whole(config, "learn.cool_down");
  buffer.reward_limit = config.duration("learn.reward_limit");
  buffer.filter = config.text("learn.filter");
  return buffer;
}

// The mode's settings, with what was set beside them.
learn::ModeSettings mode_settings(const Config& config, int updates_per_batch) {
  learn::ModeSettings mode = learn::preset(config.text("learn.mode"), updates_per_batch);
  const int64_t interval = config.integer("learn.sync_interval");
  const int64_t offset = config.integer("learn.sync_offset");
  const int64_t staleness = config.integer("learn.most_staleness");
  const std::string method = config.text("learn.sync_method");
  const std::string style = config.text("learn.sync_style");
  const std::string overage = config.text("learn.overage");
  using learn::Overage;
  using learn::SyncMethod;
  using learn::SyncStyle;
  if (interval > 0) mode.sync_interval = static_cast<int>(interval);
  if (offset >= 0) mode.sync_offset = static_cast<int>(offset);
  if (staleness >= 0) mode.most_staleness = static_cast<uint64_t>(staleness);
  if (method != "mode") {
    mode.method = method == "direct" ? SyncMethod::direct : SyncMethod::checkpoint;
  }
  if (style != "mode") {
    mode.style = style == "meet"   ? SyncStyle::meet
                 : style == "free" ? SyncStyle::free
                                   : SyncStyle::turns;
  }
  if (overage != "mode") mode.overage = overage == "pace" ? Overage::pace : Overage::discard;
  const bool custom = interval > 0 || offset >= 0 || staleness >= 0 || style != "mode" ||
                      overage != "mode" || method != "mode";
  if (custom) mode.name = "custom";
  return mode;
}

// After so many batches all is done; 0: no limit.
uint64_t batches_of(const Config& config, const LearnSettings& settings) {
  const auto rounded_up = [](uint64_t amount, uint64_t each) { return (amount + each - 1) / each; };
  const auto samples = static_cast<uint64_t>(config.integer("learn.samples"));
  const auto updates = static_cast<uint64_t>(config.integer("learn.updates"));
  const auto steps =
      static_cast<uint64_t>(settings.batch) * static_cast<uint64_t>(settings.task.steps);
  const uint64_t by_samples = rounded_up(samples, steps);
  const uint64_t by_updates =
      rounded_up(updates, static_cast<uint64_t>(settings.learner.updates_per_batch()));
  if (by_samples == 0 || by_updates == 0) return std::max(by_samples, by_updates);
  return std::min(by_samples, by_updates);
}

void check_sizes(const LearnSettings& settings, int trainers) {
  const int batch = settings.batch;
  const int rollout = settings.task.environments;
  if (batch % rollout != 0) {
    throw usage_error(std::to_string(batch) +
                          " experiences of a batch are no whole number of the " +
                          std::to_string(rollout) + " that a rollout gives",
                      "--learn.batch", "take a multiple of --learn.environments");
  }
  if (batch % trainers != 0) {
    throw usage_error(std::to_string(batch) + " experiences of a batch cannot be shared among " +
                          std::to_string(trainers) + " trainers",
                      "--learn.batch", "take a multiple of the trainers");
  }
  if (settings.buffer.capacity < static_cast<size_t>(batch)) {
    throw usage_error("a buffer of " + std::to_string(settings.buffer.capacity) +
                          " experiences never holds a batch of " + std::to_string(batch),
                      "--learn.capacity", "take at least two batches");
  }
}

void check_minibatches(const LearnSettings& settings, int trainers) {
  const auto steps = static_cast<int64_t>(settings.batch / trainers) * settings.task.steps;
  if (settings.learner.minibatches <= steps) return;
  throw usage_error("a trainer's " + std::to_string(steps) + " steps of a batch do not make " +
                        std::to_string(settings.learner.minibatches) + " minibatches",
                    "--learn.minibatches", "use fewer, or larger batches");
}

// An explorer says a word every second.
void check_silence(const LearnSettings& settings) {
  if (settings.silence >= std::chrono::seconds(2)) return;
  throw usage_error("explorers that are well would be given up: they say a word every second",
                    "--learn.silence", "wait 2s or longer");
}

void check_end(const LearnSettings& settings) {
  if (settings.batches > 0 || settings.seconds > 0 || settings.has_target) return;
  throw usage_error("learning would never end",
                    "--learn.samples, --learn.updates, --learn.seconds and --learn.until_return",
                    "set one of them");
}

}  // namespace

learn::PaceOptions LearnSettings::pace() const {
  learn::PaceOptions pace;
  pace.mode = mode;
  pace.batch = batch;
  pace.rollout = task.environments;
  pace.updates_per_batch = learner.updates_per_batch();
  pace.batches = batches;
  pace.capacity = buffer.capacity;
  return pace;
}

LearnSettings learn_settings(const Config& config, int explorers, int trainers) {
  LearnSettings settings;
  settings.task = explorer_task(config);
  settings.learner = learner_options(config);
  settings.buffer = buffer_options(config);
  settings.batch = whole(config, "learn.batch");
  settings.threads = whole(config, "learn.threads");
  settings.mode = mode_settings(config, settings.learner.updates_per_batch());
  settings.buffer.most_staleness = settings.mode.most_staleness;
  settings.batches = batches_of(config, settings);
  settings.learner.updates =
      settings.batches * static_cast<uint64_t>(settings.learner.updates_per_batch());
  settings.seconds = config.real("learn.seconds");
  settings.until_return = config.real("learn.until_return");
  settings.has_target = config.is_set("learn.until_return") && settings.until_return != 0;
  settings.window = static_cast<size_t>(config.integer("learn.window"));
  settings.evaluation = whole(config, "learn.evaluation");
  settings.profile = config.boolean("learn.profile");
  settings.silence = config.duration("learn.silence");
  settings.listen = config.text("learn.listen");
  settings.join = config.text("learn.join");
  check_silence(settings);
  if (!settings.join.empty()) return settings;  // what the other job learns is its affair
  check_sizes(settings, trainers);
  check_minibatches(settings, trainers);
  check_end(settings);
  learn::check(settings.mode, explorers, settings.learner.updates_per_batch(),
               settings.buffer.reuse);
  return settings;
}

Json learn_identity(const Config& config, int trainers, const Json& data) {
  Json identity = {{"trainers", trainers}, {"data", data}};
  for (const OptionSpec& spec : option_schema()) {
    const bool ours =
        section_of(spec.key) == "learn" && !std::ranges::count(for_this_job, spec.key);
    if (ours) identity[spec.key] = config.text(spec.key);
  }
  return identity;
}

}  // namespace podium
