#include "bench_verbs.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/allreduce_bench.hpp"
#include "bench/ckpt_bench.hpp"
#include "bench/io_bench.hpp"
#include "bench/nn_bench.hpp"
#include "bench/ps_bench.hpp"
#include "bench/save_bench.hpp"
#include "bench/trace_bench.hpp"
#include "comm/barrier.hpp"
#include "learn_modes.hpp"
#include "search_bench_verb.hpp"
#include "serve_verbs.hpp"
#include "settings.hpp"
#include "study_verbs.hpp"
#include "sync_verb.hpp"
#include "value_lists.hpp"
#include "verb_parts.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

std::vector<bench::Row> bench_io(const VerbContext& context) {
  bench::IoBenchOptions options;
  options.source = context.config.text("io.source");
  options.folder = context.config.text("io.cache_dir");
  options.scripts = context.config.text("bench.scripts");
  options.repetitions = static_cast<int>(context.config.integer("bench.repetitions"));
  options.log = context.log;
  return bench::bench_io(options);
}

std::vector<bench::Row> bench_nn(const VerbContext& context, const workflow::IngestOutcome& cache) {
  const io::Dataset dataset =
      workflow::open_dataset(cache.cache, cache.generation, context.settings);
  bench::NnBenchOptions options =
      nn_bench_options(context.config, context.settings.recipes, context.log);
  options.device = context.settings.device;
  return bench::bench_nn(dataset, options);
}

std::vector<bench::Row> bench_save(const VerbContext& context,
                                   const workflow::IngestOutcome& cache) {
  const workflow::Settings& settings = context.settings;
  const io::Dataset dataset = workflow::open_dataset(cache.cache, cache.generation, settings);
  bench::SaveBenchOptions options;
  options.models = settings.recipes;
  options.device = settings.device;
  options.every = settings.checkpoint_every;
  options.folder = settings.run_dir;
  options.threads =
      settings.threads > 0 ? settings.threads : workflow::threads_per_trainer(1, context.mpi);
  options.repetitions = static_cast<int>(context.config.integer("bench.repetitions"));
  options.seconds = context.config.real("bench.seconds");
  options.log = context.log;
  return bench::bench_save(dataset, options);
}

// All ranks train, as those of `podium train` do.
ExitCode bench_trace_verb(const VerbContext& context) {
  const workflow::Settings& settings = context.settings;
  const std::unique_ptr<comm::Communicator> group = everyone(context, "bench trace");
  const workflow::IngestOutcome cache = ingest(context, *group);
  const io::Dataset dataset = workflow::open_dataset(cache.cache, cache.generation, settings);
  bench::TraceBenchOptions options;
  options.models = settings.recipes;
  options.how = {settings.device,
                 settings.threads > 0 ? settings.threads
                                      : workflow::threads_per_trainer(group->size(), context.mpi),
                 settings.exchange, settings.shuffle, settings.prefetch_threads};
  options.folder = settings.run_dir;
  options.repetitions = static_cast<int>(context.config.integer("bench.repetitions"));
  options.seconds = context.config.real("bench.seconds");
  options.log = context.log;
  const std::vector<bench::Row> rows = bench::bench_trace(*group, dataset, options);
  if (group->rank() == 0) {
    print_table(context, bench::to_text(rows));
    print_result(context, {{"verb", "bench"},
                           {"what", context.subject},
                           {"repetitions", options.repetitions},
                           {"ranks", group->size()},
                           {"rows", bench::to_json(rows)}});
  }
  return ExitCode::done;
}

// All ranks measure.
ExitCode bench_allreduce_verb(const VerbContext& context) {
  const bench::AllReduceBench outcome =
      bench::bench_allreduce(context.mpi, allreduce_bench_options(context.config, context.log));
  if (context.mpi.rank() == 0) {
    print_table(context, bench::to_text(outcome));
    print_result(context, {{"verb", "bench"},
                           {"what", context.subject},
                           {"repetitions", context.config.integer("bench.repetitions")},
                           {"ranks", outcome.ranks},
                           {"nodes", outcome.nodes},
                           {"memcpy_bytes_per_s", outcome.memcpy_bytes_per_s},
                           {"auto", outcome.model},
                           {"rows", bench::to_json(outcome)}});
  }
  return ExitCode::done;
}

// All ranks measure, or one plays them all.
ExitCode bench_ckpt_verb(const VerbContext& context) {
  bench::CkptBenchOptions options =
      ckpt_bench_options(context.config, context.settings.run_dir, context.log);
  options.engine.gpu = context.settings.device.gpu;
  const bench::CkptBench outcome = bench::bench_ckpt(context.mpi, options);
  if (context.mpi.rank() != 0) return ExitCode::done;
  print_table(context, bench::to_text(outcome));
  if (!options.trace_folder.empty()) {
    context.log.info("the picture is in " + (options.trace_folder / "trace.svg").string() +
                     ", and in trace.json for Perfetto");
  }
  print_result(context, {{"verb", "bench"},
                         {"what", context.subject},
                         {"repetitions", context.config.integer("bench.repetitions")},
                         {"size_bytes", outcome.size_bytes},
                         {"ranks", outcome.pods * outcome.devices},
                         {"gather_metas_s", outcome.gather_s},
                         {outcome.on_gpus ? "pinned_h2d_bytes_per_s" : "memcpy_bytes_per_s",
                          outcome.copy_bytes_per_s},
                         {"rows", bench::to_json(outcome)}});
  return ExitCode::done;
}

// Where the peer is, if bench/make_ps_lite.sh has built it.
std::string ps_lite(const Config& config) {
  const std::filesystem::path scripts = config.text("bench.scripts");
  const std::filesystem::path script = scripts / "ps_lite_peer.py";
  const bool built = std::filesystem::exists(scripts / "../build/peers/ps-lite/ps_lite_peer");
  return built ? script.string() : "";
}

// Rank 0 measures, with a server of its own.
void bench_ps_verb(const VerbContext& context) {
  bench::PsBenchOptions options;
  const SizeRange sizes = size_range(context.config, options.least_bytes);
  options.least_bytes = sizes.least;
  options.most_bytes = sizes.most;
  options.in_flight = static_cast<int>(context.config.integer("bench.in_flight"));
  options.repetitions = static_cast<int>(context.config.integer("bench.repetitions"));
  if (context.config.is_set("bench.seconds"))
    options.seconds = context.config.real("bench.seconds");
  options.peer = ps_lite(context.config);
  options.log = context.log;
  const bench::PsBench outcome = bench::bench_ps(options);
  print_table(context, bench::to_text(outcome));
  print_result(context, {{"verb", "bench"},
                         {"what", context.subject},
                         {"repetitions", options.repetitions},
                         {"peer", outcome.peer},
                         {"rows", bench::to_json(outcome)}});
}

}  // namespace

// Rank 0 measures; more ranks would disturb it, so they wait.
ExitCode bench_verb(const VerbContext& context) {
  if (context.subject == "allreduce") return bench_allreduce_verb(context);
  if (context.subject == "scaling") return bench_scaling_verb(context);
  if (context.subject == "trace") return bench_trace_verb(context);
  if (context.subject == "sync") return bench_sync_verb(context);
  if (context.subject == "ckpt") return bench_ckpt_verb(context);
  if (context.subject == "serve") return bench_serve_verb(context);
  if (context.subject == "search") return bench_search_verb(context);
  if (context.subject == "learn") return bench_learn_verb(context);
  const std::unique_ptr<comm::Communicator> group = everyone(context, "bench");
  std::optional<workflow::IngestOutcome> cache;
  const bool saves = context.subject == "save";
  if (context.subject == "nn" || saves) cache = ingest(context, *group);
  if (group->rank() == 0 && context.subject == "ps") {
    bench_ps_verb(context);
  } else if (group->rank() == 0) {
    const std::vector<bench::Row> rows = saves   ? bench_save(context, *cache)
                                         : cache ? bench_nn(context, *cache)
                                                 : bench_io(context);
    print_table(context, bench::to_text(rows));
    print_result(context, {{"verb", "bench"},
                           {"what", context.subject},
                           {"repetitions", context.config.integer("bench.repetitions")},
                           {"rows", bench::to_json(rows)}});
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace podium
