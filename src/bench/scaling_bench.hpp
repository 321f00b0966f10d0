// What `podium bench scaling` measures: training by the first N ranks of the job, for several N.
//
// Strong scaling keeps the batch of a step and shares it among the ranks; weak scaling keeps the
// batch of a rank. Threads per rank are the same for all N. Repetitions take turns over N, so that
// a change of the machine's pace meets all alike; meanwhile ranks that do not train sleep. The
// first steps are not counted.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "bench/group_training.hpp"
#include "bench/scaling_table.hpp"
#include "comm/mpi/mpi_environment.hpp"

namespace podium::bench {

enum class ScalingMode { strong, weak };

struct ScalingOptions {
  std::vector<train::Recipe> models;  // batch: of a step (strong) or of a rank (weak)
  std::vector<int> ranks;             // each N; empty: 1, 2, 4, ... and all
  ScalingMode mode = ScalingMode::strong;
  TrainingHow how;
  int repetitions = 5;
  double seconds = 2;  // of one repetition, about
  std::chrono::seconds timeout{120};
  Log log;
};

struct ScalingStudy {
  std::vector<ScalingRow> rows;  // derived
  double waiting_cpu_share =
      0;  // processor time of ranks that did not train, per second of waiting
};

// Ranks to measure, sorted: those that `options` name. Throws usage_error, before anything is
// prepared, for more ranks than the job has.
std::vector<int> scaling_ranks(const ScalingOptions& options, int world);

// Collective over all ranks of `mpi`; rank 0 returns the rows. Throws usage_error for a batch that
// the data or the ranks do not allow, and what training throws.
ScalingStudy bench_scaling(comm::MpiEnvironment& mpi, const io::Dataset& dataset,
                           const ScalingOptions& options);

}  // namespace podium::bench
