#include "learn_verbs.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <numeric>

#include "ckpt/registry.hpp"
#include "ckpt/snapshot.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "core/deadline_watch.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "learn/explorer_crew.hpp"
#include "learn/hub_address.hpp"
#include "learn_modes.hpp"
#include "learn_progress.hpp"
#include "learn_run.hpp"
#include "learn_settings.hpp"
#include "verb_parts.hpp"
#include "workflow/ingest_step.hpp"
#include "workflow/step_memo.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;
using learn::Spent;

constexpr std::array<const char*, learn::spent_kinds> spent_names = {"rollout_s",
                                                                     "wait_for_experiences_s",
                                                                     "wait_for_weights_s",
                                                                     "wait_for_room_s",
                                                                     "train_s",
                                                                     "transfer_s",
                                                                     "other_s"};

using Seconds = std::array<double, learn::spent_kinds>;

Json named(const Seconds& seconds) {
  Json json = Json::object();
  for (size_t i = 0; i < seconds.size(); ++i) json[spent_names[i]] = seconds[i];
  return json;
}

double sum_of(const Seconds& seconds) {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0);
}

// The share of all processes' time in which they explored or trained.
double utilisation(const LearnOutcome& outcome) {
  const double all = sum_of(outcome.explorers_s) + sum_of(outcome.trainers_s);
  const double busy = outcome.explorers_s[static_cast<size_t>(Spent::rollout)] +
                      outcome.trainers_s[static_cast<size_t>(Spent::train)];
  return all > 0 ? busy / all : 0;
}

Json histogram(const std::map<uint64_t, uint64_t>& counts) {
  Json json = Json::object();
  for (const auto& [updates, count] : counts) json[std::to_string(updates)] = count;
  return json;
}

// Experiences that were explored and not trained on, by why.
Json waste(const learn::BufferCounts& counts) {
  return {{"filtered", counts.filtered},
          {"too_stale", counts.too_stale},
          {"unrewarded", counts.unrewarded},
          {"duplicates", counts.duplicates},
          {"left_over", counts.waiting + counts.ready}};
}

Json result_of(const LearnSettings& settings, const learn::LearnLayout& layout,
               const LearnOutcome& outcome) {
  const learn::DeskReport& report = outcome.report;
  const Staleness staleness = staleness_of(report.buffer);
  Json result = {{"verb", "learn"},
                 {"mode", settings.mode.name},
                 {"environment", settings.task.environment},
                 {"updates", outcome.updates},
                 {"seconds", outcome.seconds},
                 {"mean_return", outcome.mean_return},
                 {"explored_return", report.mean_return},
                 {"episodes", report.episodes},
                 {"steps", report.steps},
                 {"trained_steps", report.trained_steps},
                 {"staleness_mean", staleness.mean},
                 {"staleness_max", staleness.most},
                 {"staleness", histogram(report.buffer.staleness)},
                 {"utilisation", utilisation(outcome)},
                 {"waste", waste(report.buffer)},
                 {"rollouts", report.rollouts},
                 {"rollouts_lost", report.lost},
                 {"explorers", layout.explorers()},
                 {"explorers_came", outcome.explorers_came},
                 {"explorers_lost", outcome.explorers_lost},
                 {"trainers", layout.trainers()},
                 {"explorer_time", named(outcome.explorers_s)},
                 {"trainer_time", named(outcome.trainers_s)},
                 {"ended_by", outcome.ended_by},
                 {"weights_xxh3", outcome.weights_xxh3}};
  if (outcome.accuracy) result["val_accuracy"] = *outcome.accuracy;
  return result;
}

// A classifier of images is a candidate like a trained one; other policies are kept as they are.
std::filesystem::path keep_policy(const VerbContext& context, const LearnSettings& settings,
                                  LearnOutcome& outcome, const Json& data, const Json& result) {
  ckpt::Snapshot& model = outcome.model;
  model.card["metrics"] = result;
  if (!settings.on_images()) {
    const std::filesystem::path file = context.settings.run_dir / "policy.h5";
    ckpt::write_snapshot(file, model);
    return file;
  }
  model.card["dataset"] = data;
  model.card["transform"] = context.settings.ingest.transform.text();
  ckpt::Registry registry(context.settings.registry_dir());
  registry.add_candidate(settings.task.environment, outcome.accuracy.value_or(0), model);
  return registry.folder() / "candidates" / (settings.task.environment + ".h5");
}

// Learning as a step that need not be done again.
workflow::Step step_of(const VerbContext& context, const learn::LearnLayout& layout,
                       const Json& data) {
  return {"learn",
          {},
          {{"configuration", section_values(context.config, "learn")},
           {"explorers", layout.explorers()},
           {"trainers", layout.trainers()},
           {"data", data}}};
}

// Whether the same has been learnt here before; then its result is told again. Rank 0 decides, and
// has the reason. Collective.
bool was_learnt(const VerbContext& context, const workflow::Step& step, comm::Communicator& group,
                std::string* reason) {
  bool done = false;
  if (group.rank() == 0) {
    const Stopwatch watch;
    workflow::RecalledStep recalled = workflow::recall_step(context.settings, step);
    *reason = recalled.reason;
    done = recalled.result.has_value();
    if (done) {
      workflow::tell_step(context.settings, step, recalled, watch.seconds(), context.log);
      (*recalled.result)["reused"] = true;
      print_result(context, *recalled.result);
    }
  }
  return comm::broadcast_text(group, done ? "done" : "", 0) == "done";
}

ExitCode conclude(const VerbContext& context, const LearnSettings& settings,
                  const learn::LearnLayout& layout, LearnOutcome outcome, const Json& data,
                  const std::string& reason) {
  const bool stopped = outcome.ended == learn::Ended::stopped;
  Json result = result_of(settings, layout, outcome);
  result["reused"] = false;
  if (!stopped) {
    const std::filesystem::path model = keep_policy(context, settings, outcome, data, result);
    result["model"] = model.string();
    const workflow::Step step = step_of(context, layout, data);
    workflow::keep_step(context.settings, step, result, {model}, context.log);
    workflow::tell_step(context.settings, step, {{}, reason}, outcome.seconds, context.log);
  }
  print_result(context, result);
  if (stopped) context.log.info("stopped early; run the same command again to go on");
  return stopped ? ExitCode::stopped : ExitCode::done;
}

// What the images are, where the environment has some; brings the cache up to date. Collective.
Json prepare_images(const VerbContext& context, comm::Communicator& group,
                    LearnSettings* settings) {
  if (!settings->on_images()) return {};
  const workflow::IngestOutcome cache = ingest(context, group);
  settings->task.cache = std::filesystem::absolute(cache.cache);
  settings->task.generation = cache.generation;
  settings->task.memory_bytes = context.settings.cache_memory_bytes;
  const io::Dataset dataset =
      workflow::open_dataset(cache.cache, cache.generation, context.settings);
  return workflow::data_identity(dataset.info(), context.settings);
}

// This job explores for another one until that ends.
ExitCode explore_for_another(const VerbContext& context, const learn::LearnLayout& layout,
                             const LearnSettings& settings, comm::Communicator& group,
                             const std::function<bool()>& should_stop) {
  learn::ExplorerCrewOptions options;
  options.task = settings.task;
  options.hub = learn::read_hub_address(settings.join);
  options.explorers = layout.explorers_of(group.rank());
  options.of_other_job = true;
  options.silence = settings.silence;
  const learn::ExplorerCrew crew(options, context.log);
  Backoff backoff(Backoff::Kind::idle);
  while (!should_stop() && !crew.ended() && !options.explorers.empty()) {
    if (const std::string why = crew.refusal(); !why.empty()) {
      throw unavailable_error("the other job refuses this one's explorers: " + why,
                              settings.join.string(), "use its input file, and the same release");
    }
    if (crew.all_down()) {
      throw unavailable_error("every explorer died again and again", settings.join.string(),
                              "see why in the lines above, and whether that job still runs");
    }
    backoff.pause();
  }
  comm::barrier(group, patient);
  if (group.rank() == 0) {
    print_result(context, {{"verb", "learn"},
                           {"joined", settings.join.string()},
                           {"explorers", layout.explorers()},
                           {"seconds", context.started.seconds()}});
  }
  return ExitCode::done;
}

}  // namespace

ExitCode learn_verb(const VerbContext& context) {
  if (context.config.boolean("learn.profile")) return profile_modes(context);
  const std::unique_ptr<comm::Communicator> group = everyone(context, "learn");
  const auto layout = learn::LearnLayout::plan(context.settings.roles, group->size());
  LearnSettings settings = learn_settings(context.config, layout.explorers(), layout.trainers());
  const std::unique_ptr<comm::Communicator> trainers =
      context.mpi.split("trainers", layout.trains(group->rank()) ? 0 : -1);
  if (trainers) trainers->set_policy({context.settings.comm_timeout, Backoff::Kind::hot});

  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  const DeadlineWatch time_limit(context.settings.stop_after, context.started,
                                 [&stop] { stop = true; });
  const std::function<bool()> should_stop = [&stop] { return stop.load(); };
  const Json data = prepare_images(context, *group, &settings);
  if (!settings.join.empty()) {
    if (layout.explorers() == 0) {
      throw usage_error("a job that explores for another one needs explorers", "--roles",
                        "ask for at least one, as in explorer=2");
    }
    return explore_for_another(context, layout, settings, *group, should_stop);
  }
  std::string reason;
  if (was_learnt(context, step_of(context, layout, data), *group, &reason)) return ExitCode::done;
  LearnRun run({context, layout, *group, trainers.get(), should_stop,
                learn_identity(context.config, layout.trainers(), data)},
               settings);
  LearnOutcome outcome = run.run();
  const bool stopped =
      comm::broadcast_text(*group, outcome.ended == learn::Ended::stopped ? "stopped" : "", 0) ==
      "stopped";
  if (group->rank() == 0) {
    return conclude(context, settings, layout, std::move(outcome), data, reason);
  }
  return stopped ? ExitCode::stopped : ExitCode::done;
}

}  // namespace podium
