#include "search_bench_verb.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "bench/search_table_maker.hpp"
#include "comm/barrier.hpp"
#include "search_settings.hpp"
#include "verb_parts.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

void measure(const VerbContext& context, const bench::SearchTable& table) {
  const bench::SearchBenchOptions options = search_bench_options(context.config, context.log);
  const bench::SearchBench outcome = bench::bench_search(table, options);
  print_table(context, bench::to_text(outcome));
  print_result(context, {{"verb", "bench"},
                         {"what", context.subject},
                         {"networks", outcome.networks},
                         {"seeds", options.seeds},
                         {"samples", options.samples},
                         {"seconds", outcome.seconds},
                         {"best_accuracy", outcome.best_accuracy},
                         {"mean_accuracy", outcome.mean_accuracy},
                         {"worst_accuracy", outcome.worst_accuracy},
                         {"test", "Mann-Whitney, exact, one-sided"},
                         {"significance", bench::SearchBench::significance},
                         {"proved", outcome.proved},
                         {"rows", bench::to_json(outcome)}});
}

}  // namespace

ExitCode bench_search_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "bench");
  const std::string made = context.config.text("bench.make_table");
  std::optional<workflow::IngestOutcome> cache;
  if (!made.empty()) cache = ingest(context, *group);
  if (group->rank() == 0) {
    if (cache) {
      const io::Dataset dataset =
          workflow::open_dataset(cache->cache, cache->generation, context.settings);
      measure(context, bench::make_search_table(made, dataset, {}, context.log));
    } else {
      measure(context, bench::read_search_table(context.config.text("bench.table")));
    }
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace podium
