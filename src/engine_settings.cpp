// The options of the checkpoint engine, for the job and for `bench ckpt`.
#include "settings.hpp"

namespace podium {

workflow::EngineSettings engine_settings(const Config& config) {
  using Sync = workflow::EngineSettings::Sync;
  workflow::EngineSettings settings;
  const std::string sync = config.text("engine.sync");
  settings.sync = sync == "disk" ? Sync::disk : sync == "p2p" ? Sync::p2p : Sync::broadcast;
  settings.options.schedule = ckpt::engine::parse_schedule(config.text("engine.schedule"));
  settings.options.bucket_bytes = config.bytes("engine.bucket");
  settings.options.memory_bytes = config.bytes("engine.memory");
  settings.options.stall = std::chrono::milliseconds(config.integer("engine.stall_ms"));
  settings.options.address = config.text("engine.address");
  settings.join = config.text("engine.join");
  return settings;
}

bench::CkptBenchOptions ckpt_bench_options(const Config& config,
                                           const std::filesystem::path& run_dir, const Log& log) {
  bench::CkptBenchOptions options;
  options.pods = static_cast<int>(config.integer("bench.pods"));
  options.devices = static_cast<int>(config.integer("bench.devices"));
  options.size_bytes = config.bytes("bench.size");
  options.repetitions = static_cast<int>(config.integer("bench.repetitions"));
  if (config.boolean("bench.trace")) options.trace_folder = run_dir;
  options.engine = engine_settings(config).options;
  options.engine.log = log;
  options.timeout = std::chrono::seconds(config.integer("comm.timeout_s"));
  return options;
}

}  // namespace podium
