// What `podium bench save` measures: what a step of training costs more when the run is made safe
// meanwhile.
//
// One trainer takes steps by the engine of the host, batches by the loader from memory, for
// stretches of time with and without checkpoints, in turns. With them, a stretch ends when its last
// checkpoint is durable. They go to a scratch folder, with the same code as those of `podium
// train`.
#pragma once

#include <filesystem>
#include <vector>

#include "bench/table.hpp"
#include "ckpt/interval.hpp"
#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"
#include "train/recipe.hpp"

namespace podium::bench {

struct SaveBenchOptions {
  std::vector<train::Recipe> models;
  DeviceChoice device;
  ckpt::Interval every;          // not never
  std::filesystem::path folder;  // that the scratch folder is made in
  int threads = 1;
  int repetitions = 5;
  double seconds = 2;  // of one stretch
  Log log;
};

// One row a model: milliseconds a step with checkpoints (ours) and without (theirs). Throws
// usage_error for `never`, and what models and stores throw.
std::vector<Row> bench_save(const io::Dataset& dataset, const SaveBenchOptions& options);

}  // namespace podium::bench
