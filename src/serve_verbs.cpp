#include "serve_verbs.hpp"

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "bench/bench_model.hpp"
#include "bench/serve_bench.hpp"
#include "ckpt/snapshot.hpp"
#include "comm/barrier.hpp"
#include "core/signals.hpp"
#include "io/sources/source.hpp"
#include "serve_settings.hpp"
#include "top/top.hpp"
#include "train/model_snapshot.hpp"
#include "verb_parts.hpp"
#include "workflow/model_file.hpp"
#include "workflow/replica_worker.hpp"

namespace podium {
namespace {

// The images as the source's headers tell them; nothing is ingested.
io::DatasetInfo images_of(const io::IngestOptions& ingest, const Log& log) {
  const auto source = io::open_source({ingest.source, ingest.cache_dir / "downloads",
                                       ingest.data_folders, ingest.mirrors, log, ingest.transform});
  io::DatasetInfo info;
  info.height = source->info().shape.height;
  info.width = source->info().shape.width;
  info.channels = source->info().shape.channels;
  info.class_names = source->info().class_names;
  info.classes = static_cast<decltype(info.classes)>(info.class_names.size());
  info.mean.assign(info.channels, 0.5F);
  info.stddev.assign(info.channels, 0.25F);
  return info;
}

// A model of each recipe with random weights, in the run folder.
std::vector<bench::ServedModel> fresh_models(const VerbContext& context,
                                             const std::vector<std::string>& arguments) {
  const workflow::Settings& settings = context.settings;
  const io::DatasetInfo info = images_of(settings.ingest, context.log);
  std::vector<bench::ServedModel> models;
  for (const train::Recipe& recipe : settings.recipes) {
    nn::Model model = bench::model_for(info, recipe, {}, 1, 1);
    model.initialise(recipe.seed);
    const std::filesystem::path file = settings.run_dir / ("bench-" + recipe.name + ".h5");
    ckpt::write_snapshot(file, train::snapshot_of(model));
    models.push_back({recipe.name,
                      file.string(),
                      arguments,
                      {1, static_cast<int>(info.height), static_cast<int>(info.width),
                       static_cast<int>(info.channels)}});
  }
  return models;
}

// The model that --bench.model names.
bench::ServedModel given_model(const std::string& place,
                               const std::vector<std::string>& arguments) {
  const std::filesystem::path file = workflow::find_model(place).path;
  const nn::ModelCard card = workflow::StoredModel(file).card();
  return {card.name,
          file.string(),
          arguments,
          {1, card.image.height, card.image.width, card.image.channels}};
}

std::vector<bench::ServeRow> measure(const VerbContext& context) {
  bench::ServeBenchOptions options =
      serve_bench_options(context.config, context.settings, context.log);
  if (!context.config.text("bench.server").empty()) {
    return bench::bench_server(load_target(context.config, context.settings, options), options);
  }
  const auto arguments =
      workflow::replica_worker_arguments(options.service.model_name, context.settings.device);
  const std::string place = context.config.text("bench.model");
  const bool fixed_only = options.cases == std::vector<std::string>{"fixed"};
  if (!place.empty()) {
    options.models = {given_model(place, arguments)};
  } else if (!fixed_only) {
    options.models = fresh_models(context, arguments);
  }
  return bench::bench_serve(options);
}

}  // namespace

ExitCode bench_serve_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "bench");
  if (group->rank() == 0) {
    const std::vector<bench::ServeRow> rows = measure(context);
    print_table(context, bench::to_text(rows));
    print_result(context, {{"verb", "bench"},
                           {"what", context.subject},
                           {"repetitions", context.config.integer("bench.repetitions")},
                           {"seconds", context.config.real("bench.seconds")},
                           {"rows", bench::to_json(rows)}});
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

ExitCode top_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "top");
  if (group->rank() == 0) {
    std::atomic<bool> stop{false};
    const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
    const int pages = top::run_top(top_options(context.config, context.settings), stop);
    print_result(context, {{"verb", "top"}, {"pages", pages}});
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace podium
