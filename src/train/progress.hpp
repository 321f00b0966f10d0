// Progress: how far a training run has come, and how fast.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "train/wall_time.hpp"

namespace podium::train {

// Travels in checkpoints and reports.
struct Progress {
  int epochs = 0;  // finished
  int64_t images = 0;
  uint64_t generation = 0;        // of the cache in the last epoch: counts its appends
  uint64_t records = 0;           // of the train split then
  double step_s = 0;              // wall time in training steps
  double exposed_comm_s = 0;      // of which waiting for gradients, mean over the trainers
  double total_s = 0;             // wall time with evaluations and earlier checkpoints
  double loss = 0;                // mean over the last epoch
  double train_accuracy = 0;      // over the last epoch, as it went, in [0,1]
  double val_accuracy = 0;        // after the last epoch, in [0,1]
  double lr = 0;                  // last learning rate
  double epoch_images_per_s = 0;  // of the last epoch's steps
  WallTime epoch_wall;            // since the epoch before, mean over the trainers; not kept

  double images_per_s() const { return step_s > 0 ? static_cast<double>(images) / step_s : 0; }
  double exposed_comm_share() const { return step_s > 0 ? exposed_comm_s / step_s : 0; }
};

nlohmann::ordered_json to_json(const Progress& progress);

// Throws nlohmann::json::exception when a key is missing or of another type.
Progress progress_from_json(const nlohmann::ordered_json& json);

}  // namespace podium::train
