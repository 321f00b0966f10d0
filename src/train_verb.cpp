#include "train_verb.hpp"

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "ckpt/registry.hpp"
#include "core/deadline_watch.hpp"
#include "core/roles.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "training_ranks.hpp"
#include "verb_parts.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/job_view.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using workflow::Json;

// Stores the trained model as a candidate; selection is a verb of its own.
void keep_candidate(const VerbContext& context, const train::Recipe& recipe,
                    const workflow::TrainingOutcome& outcome, const io::DatasetInfo& dataset) {
  ckpt::Registry(context.settings.registry_dir())
      .add_candidate(recipe.name, outcome.progress.val_accuracy,
                     workflow::candidate_of(recipe, outcome, dataset, context.settings));
}

Json train_result(const VerbContext& context, const train::Recipe& recipe,
                  const workflow::TrainingOutcome& outcome, int ranks) {
  const Json described = workflow::describe(recipe, outcome);
  Json result = {{"verb", "train"},
                 {"model", recipe.name},
                 {"ranks", ranks},
                 {"sync", context.config.text("train.sync")}};
  result.update(described);
  result.erase("name");
  return result;
}

// What the first trainer does with a model once it is trained, or was stopped.
void conclude(const VerbContext& context, const train::Recipe& recipe,
              const workflow::TrainingOutcome& outcome, const io::DatasetInfo& dataset,
              Json result) {
  const workflow::Settings& settings = context.settings;
  const auto validation = workflow::validation_report(outcome, dataset);
  if (!outcome.stopped) {
    if (!outcome.recalled) keep_candidate(context, recipe, outcome, dataset);
    workflow::remove_finished_checkpoints(settings, recipe, outcome.progress.epochs);
    workflow::forget_node_memory(settings, recipe);
    workflow::write_evaluation(settings.run_dir, recipe.name, "validation",
                               {{"weights_xxh3", result.at("weights_xxh3")},
                                {"data", workflow::data_identity(dataset, settings)}},
                               *validation);
  }
  workflow::add_confusion(result, validation ? &*validation : nullptr);
  print_result(context, result);
  if (outcome.stopped) context.log.info("stopped early; run the same command again to go on");
}

// All ranks of `train` are trainers. Input files may lay out the roles of a `run`.
void check_roles(const workflow::Settings& settings, const comm::Communicator& group,
                 const Log& log) {
  if (settings.roles.empty()) return;
  const RoleLayout layout = RoleLayout::plan(settings.roles, group.size());
  const size_t asked = layout.ranks(Role::train).size();
  if (group.rank() != 0 || asked == static_cast<size_t>(group.size())) return;
  log.warning(format("`train` trains on all %d ranks, not on %zu: --roles is for `run`",
                     group.size(), asked));
}

}  // namespace

ExitCode train_verb(const VerbContext& context) {
  const workflow::Settings& settings = context.settings;
  if (settings.train_alone && context.mpi.size() > 1) {
    throw usage_error(
        "--train.sync=none trains on one rank, the job has " + std::to_string(context.mpi.size()),
        "--train.sync", "use allreduce, or start one rank");
  }
  TrainingRanks ranks(context, "train", settings.servers);
  if (!ranks.trains()) return ranks.serve();
  comm::Communicator& group = ranks.trainers();
  check_roles(settings, group, context.log);
  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  const DeadlineWatch time_limit(settings.stop_after, context.started, [&] {
    if (group.rank() == 0) context.log.info("the time of this job is up: stopping");
    stop = true;
  });
  const workflow::IngestOutcome cache = ingest(context, group);
  io::Dataset dataset = workflow::open_dataset(cache.cache, cache.generation, settings);
  const int threads = settings.threads > 0
                          ? settings.threads
                          : workflow::threads_per_trainer(group.size(), context.mpi);
  const train::Recipe& recipe = settings.recipes.front();

  workflow::TrainingHooks hooks;
  hooks.servers = ranks.servers();
  hooks.tracer = &context.tracer;
  hooks.should_stop = [&stop] { return stop.load(); };
  hooks.on_advance = [&](const train::EpochAdvance& advance) {
    context.board.bar(recipe.name, recipe.name, workflow::advance_of(advance));
  };
  hooks.on_epoch = [&](const train::Progress& progress) {
    context.board.bar(recipe.name, recipe.name, workflow::advance_of(recipe, progress));
    context.board.said(recipe.name);
    context.log.info(workflow::epoch_line(recipe, progress));
    context.metrics.write(workflow::epoch_event(recipe, progress));
  };
  const workflow::TrainingOutcome outcome =
      workflow::train_together(recipe, dataset, settings, threads, group, hooks, context.log);
  const workflow::Json memory_cache = workflow::memory_cache_report(dataset, group);
  if (group.rank() == 0) {
    context.log.info(workflow::memory_cache_line(memory_cache));
    Json result = train_result(context, recipe, outcome, group.size());
    result["memory_cache"] = memory_cache;
    conclude(context, recipe, outcome, dataset.info(), std::move(result));
  }
  return ranks.end(outcome.stopped ? ExitCode::stopped : ExitCode::done);
}

}  // namespace podium
