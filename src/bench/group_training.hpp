// GroupTraining: one model in training by a group of ranks, as `podium train` trains it, some steps
// at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "comm/communicator.hpp"
#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "io/loader/dataset.hpp"
#include "io/loader/epoch_order.hpp"
#include "train/gradient_syncs.hpp"
#include "train/recipe.hpp"
#include "train/wall_time.hpp"

namespace podium::bench {

// How the ranks of a job train.
struct TrainingHow {
  DeviceChoice device;
  int threads = 1;
  train::Exchange exchange;
  io::Shuffle shuffle = io::Shuffle::automatic;
  size_t prefetch_threads = 1;
  Tracer* tracer = nullptr;  // hears of the steps, and outlives the training; null: none does
};

// What some steps took, on this rank.
struct Stretch {
  int64_t steps = 0;
  double images = 0;  // of all ranks
  double seconds = 0;
  train::WallTime times;  // in which part of the steps
};

class GroupTraining {
 public:
  // Trains `recipe`, whose batch is that of a step over all ranks. Collective over `group`, which
  // outlives the object, as `dataset` does.
  GroupTraining(const io::Dataset& dataset, const train::Recipe& recipe, const TrainingHow& how,
                comm::Communicator& group, const Log& log);
  ~GroupTraining();
  GroupTraining(GroupTraining&&) noexcept;

  // Takes at least `steps` steps; epochs follow one another. Collective; all take as many.
  Stretch take(int64_t steps);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace podium::bench
