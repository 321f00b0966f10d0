// What `podium bench trace` measures: what a step of training costs more when its spans are kept.
//
// All ranks train two equal models, one of them with a trace as that of `podium train`, which goes
// to a scratch folder. Stretches of equally many steps take turns, so that a change of the
// machine's pace meets both alike; the model that begins a turn changes too.
#pragma once

#include <filesystem>
#include <vector>

#include "bench/group_training.hpp"
#include "bench/table.hpp"
#include "comm/communicator.hpp"
#include "core/log.hpp"
#include "io/loader/dataset.hpp"
#include "train/recipe.hpp"

namespace podium::bench {

struct TraceBenchOptions {
  std::vector<train::Recipe> models;
  TrainingHow how;               // its tracer is not used
  std::filesystem::path folder;  // that the scratch folder is made in; all ranks see it
  int repetitions = 5;
  double seconds = 2;  // of one stretch, about
  Log log;
};

// One row a model: milliseconds a step with a trace (ours) and without (theirs); the note tells the
// median of their quotients, turn by turn, and how far these lie apart. Collective over `group`;
// the rows are those of rank 0. Throws what training throws.
std::vector<Row> bench_trace(comm::Communicator& group, const io::Dataset& dataset,
                             const TraceBenchOptions& options);

}  // namespace podium::bench
