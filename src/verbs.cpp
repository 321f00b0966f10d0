#include "verbs.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "bench_verbs.hpp"
#include "ckpt/registry.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/mpi/mpi_peer.hpp"
#include "core/deadline_watch.hpp"
#include "core/json_lines.hpp"
#include "core/roles.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "serve_verbs.hpp"
#include "settings.hpp"
#include "standard_output.hpp"
#include "study_verbs.hpp"
#include "train/model_snapshot.hpp"
#include "verb_parts.hpp"
#include "version.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/export_step.hpp"
#include "workflow/ingest_step.hpp"
#include "workflow/predict_step.hpp"
#include "workflow/select_step.hpp"
#include "workflow/serve_step.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using workflow::Json;

ExitCode pipeline_verb(const VerbContext& context) {
  const auto show = [](const workflow::Summary& summary) { print("\n" + summary.table() + "\n"); };
  const auto summary = workflow::run_pipeline(context.settings, context.mpi, context.started,
                                              context.log, show, context.fatal);
  if (!summary) return ExitCode::done;
  print_result(summary->result());
  if (!summary->stopped_early) return ExitCode::done;
  context.log.info("stopped early; run the same command again to go on");
  return ExitCode::stopped;
}

ExitCode ingest_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "ingest");
  const workflow::IngestOutcome outcome = ingest(context, *group);
  if (group->rank() == 0) {
    print_result({{"verb", "ingest"},
                  {"records", outcome.records},
                  {"bytes", outcome.bytes},
                  {"seconds", outcome.seconds},
                  {"reused", outcome.reused},
                  {"reason", outcome.reason},
                  {"appended", outcome.appended},
                  {"generation", outcome.generation},
                  {"peak_rss_bytes", outcome.peak_rss_bytes},
                  {"cache", outcome.cache.string()}});
  }
  return ExitCode::done;
}

// Stores the trained model as a candidate; selection is a verb of its own.
void keep_candidate(const VerbContext& context, const train::Recipe& recipe,
                    const workflow::TrainingOutcome& outcome, const io::DatasetInfo& dataset) {
  ckpt::Registry(context.settings.registry_dir())
      .add_candidate(recipe.name, outcome.progress.val_accuracy,
                     workflow::candidate_of(recipe, outcome, dataset, context.settings));
}

Json train_result(const train::Recipe& recipe, const workflow::TrainingOutcome& outcome,
                  int ranks) {
  const Json described = workflow::describe(recipe, outcome);
  Json result = {{"verb", "train"}, {"model", recipe.name}, {"ranks", ranks}};
  result.update(described);
  result.erase("name");
  return result;
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

ExitCode train_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "train");
  const workflow::Settings& settings = context.settings;
  if (settings.train_alone && group->size() > 1) {
    throw usage_error(
        "--train.sync=none trains on one rank, the job has " + std::to_string(group->size()),
        "--train.sync", "use allreduce, or start one rank");
  }
  check_roles(settings, *group, context.log);
  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  const DeadlineWatch time_limit(settings.stop_after, context.started, [&] {
    if (group->rank() == 0) context.log.info("the time of this job is up: stopping");
    stop = true;
  });
  const workflow::IngestOutcome cache = ingest(context, *group);
  io::Dataset dataset = workflow::open_dataset(cache.cache, cache.generation, settings);
  const int threads = settings.threads > 0
                          ? settings.threads
                          : workflow::threads_per_trainer(group->size(), context.mpi);
  const train::Recipe& recipe = settings.recipes.front();
  JsonLines metrics(settings.metrics_file(), context.log);

  workflow::TrainingHooks hooks;
  hooks.should_stop = [&stop] { return stop.load(); };
  hooks.on_epoch = [&](const train::Progress& progress) {
    context.log.info(workflow::epoch_line(recipe, progress));
    metrics.write(workflow::epoch_event(recipe, progress));
  };
  const workflow::TrainingOutcome outcome =
      workflow::train_together(recipe, dataset, settings, threads, *group, hooks, context.log);
  const workflow::Json memory_cache = workflow::memory_cache_report(dataset, *group);
  if (group->rank() == 0) {
    context.log.info(workflow::memory_cache_line(memory_cache));
    Json result = train_result(recipe, outcome, group->size());
    result["memory_cache"] = memory_cache;
    const auto validation = workflow::validation_report(outcome, dataset.info());
    if (!outcome.stopped) {
      keep_candidate(context, recipe, outcome, dataset.info());
      workflow::remove_finished_checkpoints(settings, recipe, outcome.progress.epochs);
      workflow::forget_node_memory(settings, recipe);
      workflow::write_evaluation(settings.run_dir, recipe.name, "validation",
                                 {{"weights_xxh3", result.at("weights_xxh3")},
                                  {"data", workflow::data_identity(dataset.info(), settings)}},
                                 *validation);
    }
    workflow::add_confusion(result, validation ? &*validation : nullptr);
    print_result(result);
  }
  if (!outcome.stopped) return ExitCode::done;
  if (group->rank() == 0) {
    context.log.info("stopped early; run the same command again to go on");
  }
  return ExitCode::stopped;
}

ExitCode select_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "select");
  if (group->rank() == 0) {
    const ckpt::Registry::Offer offer = ckpt::Registry(context.settings.registry_dir()).select();
    context.log.info("select: " + offer.reason);
    Json result = {{"verb", "select"},
                   {"selected", offer.current.name},
                   {"version", offer.current.number},
                   {"val_accuracy", offer.current.val_accuracy},
                   {"published", offer.published},
                   {"reason", offer.reason}};
    const auto validation = workflow::stored_evaluation(offer.current.path);
    workflow::add_confusion(result, validation ? &*validation : nullptr);
    print_result(result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

ExitCode serve_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "serve");
  const Json stats = workflow::serve_from_registry(context.settings, *group, context.log);
  if (group->rank() == 0) {
    Json result = {{"verb", "serve"}};
    result.update(stats);
    print_result(result);
  }
  return ExitCode::done;
}

// Where a GPU classifies, threads bring it images: few keep it busy, and each has a model there.
int predict_threads(const VerbContext& context) {
  const auto asked = static_cast<int>(context.config.integer("predict.threads"));
  if (asked > 0) return asked;
  constexpr int most_on_gpu = 4;
  const int cores = workflow::threads_per_trainer(context.mpi.size(), context.mpi);
  return context.settings.device.on_gpu() ? std::min(cores, most_on_gpu) : cores;
}

workflow::PredictOptions predict_options(const VerbContext& context) {
  const Config& config = context.config;
  return {config.text("predict.input"),
          config.text("predict.output"),
          config.text("predict.model"),
          config.text("predict.server"),
          config.text("predict.split") == "test" ? io::Split::test : io::Split::validation,
          predict_threads(context),
          config.text("predict.token_file"),
          config.text("predict.tls_ca")};
}

// The split of --io.source, after its ingest.
std::unique_ptr<io::ImageInput> ingested_input(const VerbContext& context,
                                               const workflow::PredictOptions& options,
                                               const workflow::Classifier& classifier,
                                               comm::Communicator& group) {
  io::IngestOptions how = context.settings.ingest;
  how.transform = workflow::ingest_transform(context.settings, classifier);
  const workflow::IngestOutcome cache = ingest(context, group, std::move(how));
  return workflow::open_ingested(context.settings, options, classifier, cache.cache,
                                 cache.generation);
}

ExitCode predict_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "predict");
  const workflow::PredictOptions options = predict_options(context);
  workflow::check(options);
  const auto classifier = workflow::open_classifier(context.settings, options);
  const auto input = options.input.empty()
                         ? ingested_input(context, options, *classifier, *group)
                         : workflow::open_input_together(context.settings, options, *classifier,
                                                         *group, context.log);
  const auto show = [](const std::string& table) { print("\n" + table + "\n"); };
  const Json outcome =
      workflow::predict(context.settings, options, *classifier, *input, *group, context.log, show);
  if (group->rank() == 0) {
    Json result = {{"verb", "predict"}};
    result.update(outcome);
    print_result(result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

// Rank 0 writes; more ranks have nothing to add.
ExitCode export_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "export");
  if (group->rank() == 0) {
    workflow::ExportOptions options;
    options.format = context.config.text("export.format");
    options.output = context.config.text("export.output");
    options.model = context.config.text("export.model");
    options.podium_version = version_number();
    Json result = {{"verb", "export"}};
    result.update(workflow::export_model(context.settings, options, context.log));
    print_result(result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace

ExitCode run_verb(const std::string& verb, const VerbContext& context) {
  using Function = ExitCode (*)(const VerbContext&);
  static const std::map<std::string, Function> functions = {
      {"run", pipeline_verb},  {"ingest", ingest_verb}, {"train", train_verb},
      {"select", select_verb}, {"serve", serve_verb},   {"predict", predict_verb},
      {"export", export_verb}, {"bench", bench_verb},   {"plan", plan_verb},
      {"top", top_verb}};
  const auto found = functions.find(verb);
  require(found != functions.end(), "a verb has no function", verb.c_str());
  return found->second(context);
}

void prepare_environment(const std::string& verb, const std::string& subject) {
  if (verb == "bench" && subject == "allreduce") comm::MpiPeer::allow_choice();
}

bool computes(const std::string& verb) {
  return verb == "run" || verb == "train" || verb == "serve" || verb == "predict" ||
         verb == "bench" || verb == "plan";
}

bool trains(const std::string& verb) {
  return verb == "run" || verb == "train";
}

bool writes_configuration(const std::string& verb, const Config& config) {
  const bool visits = (verb == "bench" && !config.text("bench.server").empty()) ||
                      (verb == "serve" && !config.text("serve.join").empty());
  return !visits && verb != "predict" && verb != "export" && verb != "plan" && verb != "top";
}

bool handles_signals(const std::string& verb) {
  return verb == "run" || verb == "train" || verb == "serve" || verb == "top";
}

}  // namespace podium
