#include "verbs.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "bench_verbs.hpp"
#include "ckpt/registry.hpp"
#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/mpi/mpi_peer.hpp"
#include "io/files/atomic_file.hpp"
#include "learn_verbs.hpp"
#include "ps_settings.hpp"
#include "report_verb.hpp"
#include "run_metrics.hpp"
#include "search_verbs.hpp"
#include "serve_verbs.hpp"
#include "settings.hpp"
#include "study_verbs.hpp"
#include "train_verb.hpp"
#include "value_lists.hpp"
#include "verb_parts.hpp"
#include "version.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/export_step.hpp"
#include "workflow/ingest_step.hpp"
#include "workflow/memo_book.hpp"
#include "workflow/predict_step.hpp"
#include "workflow/select_step.hpp"
#include "workflow/serve_step.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using workflow::Json;

workflow::Telling telling_of(const VerbContext& context) {
  return {context.log, context.started, context.metrics, context.tracer, context.board};
}

ExitCode pipeline_verb(const VerbContext& context) {
  const auto show = [&](const workflow::Summary& summary) {
    print_table(context, summary.table());
  };
  const auto summary = workflow::run_pipeline(context.settings, context.mpi, telling_of(context),
                                              show, context.fatal);
  if (!summary) return ExitCode::done;
  print_result(context, summary->result());
  if (!summary->stopped_early) return ExitCode::done;
  context.log.info("stopped early; run the same command again to go on");
  return ExitCode::stopped;
}

ExitCode ingest_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "ingest");
  const workflow::IngestOutcome outcome = ingest(context, *group);
  if (group->rank() == 0) {
    print_result(context, {{"verb", "ingest"},
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

ExitCode select_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "select");
  if (group->rank() == 0) {
    const Stopwatch watch;
    ckpt::Registry registry(context.settings.registry_dir());
    const ckpt::Registry::Offer offer = registry.select();
    const Json compared = workflow::comparison(registry, offer.current,
                                               split_list(context.config.text("run.models")));
    io::write_text_file(context.settings.run_dir / "comparison.json", compared.dump(2) + "\n");
    context.log.info("select: " + offer.reason);
    workflow::note_decision(context.settings.run_dir,
                            {"", "select", !offer.published, offer.reason, watch.seconds()},
                            context.log);
    Json result = {{"verb", "select"},
                   {"selected", offer.current.name},
                   {"version", offer.current.number},
                   {"val_accuracy", offer.current.val_accuracy},
                   {"published", offer.published},
                   {"reason", offer.reason}};
    result["models"] = compared.at("models");
    result["missing"] = compared.at("missing");
    const auto validation = workflow::stored_evaluation(offer.current.path);
    workflow::add_confusion(result, validation ? &*validation : nullptr);
    print_result(context, result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

// What the steps of a run folder decided about their memos.
ExitCode inspect_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "inspect");
  if (group->rank() == 0) {
    const auto decisions = workflow::memo_decisions(context.settings.run_dir);
    if (decisions.empty()) {
      throw data_error("no step has been decided about here", context.settings.run_dir.string(),
                       "name the folder of a run (--run.dir), or run one");
    }
    print_table(context, workflow::memo_table(decisions));
    print_result(context, workflow::memo_result(decisions));
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

ExitCode serve_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "serve");
  const Json stats = workflow::serve_from_registry(context.settings, *group, telling_of(context));
  if (group->rank() == 0) {
    Json result = {{"verb", "serve"}};
    result.update(stats);
    print_result(context, result);
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
  const auto show = [&](const std::string& table) { print_table(context, table); };
  const Json outcome =
      workflow::predict(context.settings, options, *classifier, *input, *group, context.log, show);
  if (group->rank() == 0) {
    Json result = {{"verb", "predict"}};
    result.update(outcome);
    print_result(context, result);
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
    print_result(context, result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace

ExitCode run_verb(const std::string& verb, const VerbContext& context) {
  using Function = ExitCode (*)(const VerbContext&);
  static const std::map<std::string, Function> functions = {
      {"run", pipeline_verb},    {"ingest", ingest_verb}, {"train", train_verb},
      {"select", select_verb},   {"serve", serve_verb},   {"predict", predict_verb},
      {"export", export_verb},   {"bench", bench_verb},   {"plan", plan_verb},
      {"search", search_verb},   {"learn", learn_verb},   {"top", top_verb},
      {"inspect", inspect_verb}, {"report", report_verb}};
  const auto found = functions.find(verb);
  require(found != functions.end(), "a verb has no function", verb.c_str());
  if (context.mpi.rank() == 0 && trains(verb)) {
    const std::string unused = unused_server_option(verb, context.config);
    if (!unused.empty()) context.log.warning(unused);
  }
  if (writes_configuration(verb, context.config)) tell_started(verb, context);
  return found->second(context);
}

void prepare_environment(const std::string& verb, const std::string& subject) {
  if (verb == "bench" && subject == "allreduce") comm::MpiPeer::allow_choice();
}

bool computes(const std::string& verb) {
  return verb == "run" || verb == "train" || verb == "serve" || verb == "predict" ||
         verb == "bench" || verb == "plan" || verb == "search";
}

bool trains(const std::string& verb) {
  return verb == "run" || verb == "train" || verb == "search" || verb == "learn";
}

bool traces(const std::string& verb, const Config& config) {
  static constexpr std::array<std::string_view, 6> traced = {"run",   "ingest", "train",
                                                             "serve", "search", "learn"};
  return config.boolean("log.trace") && writes_configuration(verb, config) &&
         std::ranges::find(traced, verb) != traced.end();
}

bool writes_configuration(const std::string& verb, const Config& config) {
  const bool visits = (verb == "bench" && !config.text("bench.server").empty()) ||
                      (verb == "serve" && !config.text("serve.join").empty()) ||
                      (verb == "learn" && !config.text("learn.join").empty());
  return !visits && verb != "predict" && verb != "export" && verb != "plan" && verb != "top" &&
         verb != "inspect" && verb != "report";
}

bool handles_signals(const std::string& verb, const std::string& subject) {
  if (verb == "bench") return subject == "sync" || subject == "learn";
  return verb == "run" || verb == "train" || verb == "serve" || verb == "top" || verb == "search" ||
         verb == "learn";
}

}  // namespace podium
