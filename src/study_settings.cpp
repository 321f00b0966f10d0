#include "study_settings.hpp"

#include "value_lists.hpp"

namespace podium {

bench::ScalingOptions scaling_options(const Config& config, const workflow::Settings& settings,
                                      const Log& log) {
  bench::ScalingOptions options;
  options.models = settings.recipes;
  options.ranks = count_list(config, "bench.ranks");
  if (config.text("bench.mode") == "weak") options.mode = bench::ScalingMode::weak;
  options.how.exchange = settings.exchange;
  options.how.shuffle = settings.shuffle;
  options.how.prefetch_threads = settings.prefetch_threads;
  options.how.device = settings.device;
  options.repetitions = static_cast<int>(config.integer("bench.repetitions"));
  options.seconds = config.real("bench.seconds");
  options.timeout = settings.comm_timeout;
  options.log = log;
  return options;
}

plan::PlanOptions plan_options(const Config& config, const workflow::Settings& settings,
                               const Log& log) {
  plan::PlanOptions options;
  options.models = settings.recipes;
  options.nodes = static_cast<int>(config.integer("plan.nodes"));
  options.ranks_per_node = static_cast<int>(config.integer("plan.ranks_per_node"));
  options.weak = config.text("plan.mode") == "weak";
  options.roles = settings.roles;
  options.device = settings.device;
  options.data.cache_budget = settings.cache_memory_bytes;
  for (const double step_ms : positive_list(config, "plan.step_ms")) {
    options.step_s.push_back(step_ms * 1e-3);
  }
  options.link.latency_s = config.real("plan.latency_us") * 1e-6;
  options.link.bytes_per_s = config.real("plan.bandwidth_gb_s") * 1e9;
  options.calibration = config.text("comm.calibration");
  options.log = log;
  return options;
}

}  // namespace podium
