// The checkpoint of a training run: model, momentum, average of the weights and progress in one
// snapshot file.
//
// Resuming after an epoch continues bit-identically, since the order of images, augmentation,
// dropout and learning rate depend only on the recipe, the epoch and the step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ckpt/snapshot.hpp"
#include "core/log.hpp"
#include "train/progress.hpp"
#include "train/recipe.hpp"
#include "train/training_state.hpp"

namespace podium::train {

// What must be equal for a checkpoint to be gone on from.
struct TrainingIdentity {
  Recipe recipe;
  std::string dataset_digest;
  int ranks = 1;
};

// True if `file` is a readable checkpoint of `identity`. Says in `log` why an existing one is not
// used: damaged, or of another recipe, data set or number of ranks.
bool may_resume(const std::filesystem::path& file, const TrainingIdentity& identity,
                const Log& log);

// A name beside `file` that is not taken: "cnn.old-1.h5".
std::filesystem::path name_aside(const std::filesystem::path& file);

// Renames `file` to name_aside(), durably; returns the new name. Throws io_error.
std::filesystem::path set_aside(const std::filesystem::path& file);

// The generation of the cache in the checkpoint's last epoch; empty when `file` cannot be read.
std::optional<uint64_t> checkpoint_generation(const std::filesystem::path& file);

// Puts the file's weights, momentum and average into `state`. Throws data_error when the file is
// damaged or of another architecture.
Progress read_checkpoint(const std::filesystem::path& file, TrainingState& state);

// Puts into `model` what `snapshot` holds for predictions: of the checkpoint of a run that averages
// its weights the average, which is what the run evaluates and publishes. Throws as restore() does.
void restore_for_use(nn::Model& model, const ckpt::Snapshot& snapshot, const std::string& where);

// Atomic; throws io_error.
void write_checkpoint(const std::filesystem::path& file, const TrainingIdentity& identity,
                      const Progress& progress, const TrainingState& state);

}  // namespace podium::train
