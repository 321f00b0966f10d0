#include "search_settings.hpp"

namespace podium {

search::MethodOptions method_options(const Config& config) {
  search::MethodOptions options;
  options.name = config.text("search.method");
  options.seed = static_cast<uint64_t>(config.integer("search.seed"));
  search::ControllerOptions& controller = options.reinforce.controller;
  controller.units = static_cast<int>(config.integer("search.units"));
  controller.layers = static_cast<int>(config.integer("search.layers"));
  controller.tanh = config.real("search.tanh");
  controller.temperature = config.real("search.temperature");
  options.reinforce.entropy = config.real("search.entropy");
  options.reinforce.baseline = config.real("search.baseline");
  options.reinforce.cubed = config.text("search.reward") == "cubed";
  options.evolution.population = static_cast<size_t>(config.integer("search.population"));
  options.evolution.tournament = static_cast<size_t>(config.integer("search.tournament"));
  return options;
}

bench::SearchBenchOptions search_bench_options(const Config& config, const Log& log) {
  bench::SearchBenchOptions options;
  options.method = method_options(config);
  options.lr = config.real("search.lr");
  options.samples = static_cast<int>(config.integer("search.samples"));
  options.seeds = static_cast<int>(config.integer("bench.seeds"));
  options.children = static_cast<int>(config.integer("bench.children"));
  options.log = log;
  return options;
}

}  // namespace podium
