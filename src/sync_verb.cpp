#include "sync_verb.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>

#include "bench/sync_table.hpp"
#include "comm/barrier.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "ps_settings.hpp"
#include "train/recipe_check.hpp"
#include "training_ranks.hpp"
#include "value_lists.hpp"
#include "verb_parts.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using Interval = ckpt::Interval;

constexpr ckpt::Interval never{Interval::Unit::never, 0};

// One way to train, by its name in --bench.syncs.
struct Way {
  std::string name;
  std::optional<train::PsOptions> servers;  // empty: AllReduce
};

Way way_of(const std::string& name, const Config& config) {
  if (name == "allreduce") return {name, {}};
  static const std::vector<std::string> known = {"allreduce", "bsp", "ssp", "asp"};
  if (std::ranges::count(known, name) == 0) {
    throw usage_error("no way to train is called '" + name + "'", "bench.syncs",
                      "did you mean '" + nearest_word(name, known) + "'?");
  }
  Config mine = config;
  mine.set("ps.consistency", name, "bench.syncs");
  if (name != "ssp") mine.set("ps.staleness", "0", "bench.syncs");
  if (name == "ssp" && config.integer("ps.staleness") == 0) {
    mine.set("ps.staleness", "4", "bench.syncs");
  }
  return {name == "ssp" ? "ssp " + mine.text("ps.staleness") : name,
          ps_training_options(mine, "bench")};
}

std::vector<Way> ways_of(const Config& config) {
  std::vector<Way> ways;
  for (const std::string& name : split_list(config.text("bench.syncs"))) {
    ways.push_back(way_of(name, config));
  }
  if (ways.empty()) {
    throw usage_error("there is no way to train", "bench.syncs", "name at least one");
  }
  return ways;
}

// Before the first of them trains.
void check_recipes(const std::vector<train::Recipe>& recipes, const std::vector<Way>& ways) {
  for (const train::Recipe& recipe : recipes) {
    for (const Way& way : ways) {
      if (way.servers) train::check_consistency(recipe, way.servers->group.consistency);
    }
  }
}

bench::SyncMeasurement measured(const workflow::TrainingOutcome& outcome, int batch, int trainers) {
  const train::Progress& progress = outcome.progress;
  const auto records = static_cast<double>(progress.images) / progress.epochs;
  bench::SyncMeasurement one;
  one.images_per_s = progress.images_per_s();
  one.accuracy = progress.val_accuracy;
  one.wait_share = progress.exposed_comm_share();
  one.steps = progress.epochs * std::ceil(records / std::min<double>(batch, records));
  one.trainers = trainers;
  if (outcome.servers) {
    one.bytes_sent = static_cast<double>(outcome.servers->bytes_pushed);
    one.bytes_received = static_cast<double>(outcome.servers->bytes_pulled);
    one.bytes_saved = static_cast<double>(outcome.servers->bytes_saved());
    one.staleness = outcome.servers->staleness;
  } else {
    const auto values = static_cast<double>(outcome.model->parameter_count());
    one.bytes_sent = one.bytes_received =
        bench::ring_bytes(values, trainers) * one.steps * trainers;
  }
  return one;
}

// Trains all models by all ways, in turns, each repetition with a seed of its own; until
// `should_stop` says on some rank that it is enough.
class Comparison {
 public:
  Comparison(const VerbContext& context, TrainingRanks& ranks, io::Dataset& dataset,
             std::vector<Way> ways, std::function<bool()> should_stop)
      : context_(context),
        ranks_(ranks),
        group_(ranks.trainers()),
        dataset_(dataset),
        ways_(std::move(ways)),
        should_stop_(std::move(should_stop)) {}

  // Empty when it was stopped.
  std::vector<bench::SyncRow> run() {
    const auto repetitions = static_cast<int>(context_.config.integer("bench.repetitions"));
    for (const train::Recipe& recipe : context_.settings.recipes) {
      std::vector<bench::SyncRow> rows;
      for (const Way& way : ways_) rows.push_back({recipe.name, way.name, {}, {}, {}, {}});
      for (int repetition = 0; repetition < repetitions; ++repetition) {
        for (size_t i = 0; i < ways_.size(); ++i) {
          const auto one = train(recipe, ways_[i], repetition);
          if (!one) return {};
          rows[i].add(*one);
        }
      }
      std::ranges::move(rows, std::back_inserter(rows_));
    }
    return std::move(rows_);
  }

 private:
  // Nothing when it was stopped.
  std::optional<bench::SyncMeasurement> train(train::Recipe recipe, const Way& way,
                                              int repetition) {
    workflow::Settings settings = context_.settings;
    settings.servers = way.servers;
    settings.checkpoint_every = settings.memory_every = never;
    settings.target_accuracy = 0;
    recipe.seed += static_cast<uint64_t>(repetition);
    const int threads = settings.threads > 0
                            ? settings.threads
                            : workflow::threads_per_trainer(group_.size(), context_.mpi);
    const Log quiet = context_.log.at_most(LogLevel::warning);
    workflow::TrainingHooks hooks;
    hooks.servers = ranks_.servers();
    hooks.should_stop = should_stop_;
    const workflow::TrainingOutcome outcome =
        workflow::train_together(recipe, dataset_, settings, threads, group_, hooks, quiet);
    if (outcome.stopped) return {};
    const bench::SyncMeasurement one = measured(outcome, recipe.batch, group_.size());
    if (group_.rank() == 0) {
      context_.log.info(format("bench: %s by %s: %.0f images/s, validation accuracy %.4f",
                               recipe.name.c_str(), way.name.c_str(), one.images_per_s,
                               one.accuracy));
    }
    return one;
  }

  const VerbContext& context_;
  TrainingRanks& ranks_;
  comm::Communicator& group_;
  io::Dataset& dataset_;
  const std::vector<Way> ways_;
  const std::function<bool()> should_stop_;
  std::vector<bench::SyncRow> rows_;
};

}  // namespace

ExitCode bench_sync_verb(const VerbContext& context) {
  std::vector<Way> ways = ways_of(context.config);
  check_recipes(context.settings.recipes, ways);
  const auto by_servers =
      std::ranges::find_if(ways, [](const Way& way) { return way.servers.has_value(); });
  TrainingRanks ranks(context, "bench",
                      by_servers == ways.end() ? std::nullopt : by_servers->servers);
  if (!ranks.trains()) return ranks.serve();
  comm::Communicator& group = ranks.trainers();
  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  const workflow::IngestOutcome cache = ingest(context, group);
  io::Dataset dataset = workflow::open_dataset(cache.cache, cache.generation, context.settings);
  const std::vector<bench::SyncRow> rows =
      Comparison(context, ranks, dataset, std::move(ways), [&stop] { return stop.load(); }).run();
  if (rows.empty() && group.rank() == 0) {
    context.log.info("stopped early, and nothing is kept: the same command measures anew");
  } else if (group.rank() == 0) {
    print_table(context, bench::to_text(rows));
    print_result(context, {{"verb", "bench"},
                           {"what", context.subject},
                           {"repetitions", context.config.integer("bench.repetitions")},
                           {"trainers", group.size()},
                           {"servers", context.config.integer("ps.servers")},
                           {"transport", context.config.text("ps.transport")},
                           {"rows", bench::to_json(rows)}});
  }
  comm::barrier(group, patient);
  return ranks.end(rows.empty() ? ExitCode::stopped : ExitCode::done);
}

}  // namespace podium
