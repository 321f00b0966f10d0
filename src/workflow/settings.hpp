// Settings: what the steps of the workflow need to know, filled from the configuration by main.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ckpt/engine/engine_options.hpp"
#include "ckpt/retention.hpp"
#include "core/device_choice.hpp"
#include "io/cache/ingest.hpp"
#include "io/loader/cache_policy.hpp"
#include "io/loader/epoch_order.hpp"
#include "serve/service.hpp"
#include "train/gradient_syncs.hpp"
#include "train/ps_options.hpp"
#include "train/recipe.hpp"

namespace podium::workflow {

// How published weights reach the replicas (docs/checkpoint_engine.md).
struct EngineSettings {
  enum class Sync { broadcast, p2p, disk };
  Sync sync = Sync::broadcast;
  ckpt::engine::EngineOptions options;
  std::filesystem::path join;  // of another job: its engine.json; empty: none
};

struct Settings {
  std::filesystem::path run_dir;
  std::string roles;    // text of --roles
  DeviceChoice device;  // where this rank computes

  io::IngestOptions ingest;
  uint64_t cache_memory_bytes = 0;  // budget per rank for batches kept in memory
  io::CachePolicy cache_policy = io::CachePolicy::pin;
  io::Shuffle shuffle = io::Shuffle::automatic;
  size_t prefetch_threads = 1;
  bool follow = false;  // take up at each epoch what was appended to the cache

  std::vector<train::Recipe> recipes;  // the models to train, in order
  int groups = 0;                      // of trainers, side by side; 0 chooses
  int threads = 0;                     // per trainer; 0 chooses
  train::Exchange exchange;
  bool train_alone = false;                 // --train.sync=none
  std::optional<train::PsOptions> servers;  // --train.sync=ps
  double target_accuracy = 0;               // on validation; 0: none

  ckpt::Interval checkpoint_every;  // into the run folder
  ckpt::Interval memory_every;      // into the memory of the node
  ckpt::Retention retention;
  uint64_t part_bytes = 0;           // a checkpoint above it is written by several ranks
  std::optional<double> stop_after;  // seconds after the start of the job; empty: never

  EngineSettings engine;
  std::filesystem::path join_service;  // of another job: its serve.json; empty: none
  std::filesystem::path learner;       // its learn.json; empty: none
  std::chrono::seconds learner_every{10};
  serve::ServiceOptions service;     // without its token
  std::filesystem::path token_file;  // of the service; empty: requests need none
  std::chrono::seconds drain{30};
  std::chrono::seconds linger{0};
  bool linger_forever = false;

  std::chrono::seconds comm_timeout{120};

  std::filesystem::path registry_dir() const { return run_dir / "registry"; }
  std::filesystem::path engine_file() const { return run_dir / "engine.json"; }
  std::filesystem::path checkpoint_dir() const { return run_dir / "checkpoints"; }
  std::filesystem::path metrics_file() const { return run_dir / "metrics.jsonl"; }
  std::filesystem::path mlperf_file() const { return run_dir / "mlperf.log"; }
};

}  // namespace podium::workflow
