// The training step: one recipe on one group of trainers.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ckpt/snapshot.hpp"
#include "ckpt/state_memory.hpp"
#include "comm/communicator.hpp"
#include "comm/mpi/mpi_environment.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "io/loader/dataset.hpp"
#include "nn/model.hpp"
#include "train/advance.hpp"
#include "train/confusion.hpp"
#include "train/progress.hpp"
#include "train/ps_report.hpp"
#include "train/recipe.hpp"
#include "train/servers.hpp"
#include "train/wall_time.hpp"
#include "workflow/control_plane.hpp"
#include "workflow/evaluation_report.hpp"
#include "workflow/settings.hpp"

namespace podium::workflow {

// The model of `recipe` for the images and classes of `dataset`, for batches of up to `max_batch`,
// on `device` or on `threads` threads of the CPU.
nn::Model make_model(const train::Recipe& recipe, const io::DatasetInfo& dataset,
                     const DeviceChoice& device, int threads, int max_batch);

struct TrainingOutcome {
  bool stopped = false;  // some rank was asked to stop; the checkpoint says where
  train::Progress progress;
  double target_accuracy = 0;  // 0: none was asked for
  bool reached = false;        // that target
  std::unique_ptr<nn::Model> model;
  std::optional<train::Confusion> validation;  // of a model that is finished
  std::vector<train::WallTime> wall_times;     // by rank, of this job
  std::optional<train::PsReport> servers;      // of this job, where it had some
  std::optional<Json>
      recalled;  // what describe() told of it when it was trained (training_memo.hpp)
};

struct TrainingHooks {
  std::function<void(const train::Progress&)> on_epoch;        // on rank 0 of the group
  std::function<void(const train::EpochAdvance&)> on_advance;  // there too, now and then
  std::function<bool()> should_stop;
  // Where states go beside the disk, by the name of a model; empty: the memory of the group's first
  // node. On all ranks.
  std::function<std::shared_ptr<ckpt::StateMemory>(const std::string&)> memory;
  // Parameter servers that are ranks of this job; empty: worker processes.
  std::function<std::unique_ptr<train::Servers>(comm::Communicator&)> servers;
  Tracer* tracer = nullptr;  // hears what this trainer does when; null: none does
};

// Trains, or goes on from the run folder's checkpoint. Collective over `group`; all ranks end with
// the same weights.
TrainingOutcome train_together(const train::Recipe& recipe, io::Dataset& dataset,
                               const Settings& settings, int threads, comm::Communicator& group,
                               const TrainingHooks& hooks, const Log& log);

// What every report says about a trained model: name, parameters, accuracies, speed, hash.
Json describe(const train::Recipe& recipe, const TrainingOutcome& outcome);

// What validation accuracies must have in common to be compared: data and split.
Json data_identity(const io::DatasetInfo& dataset, const Settings& settings);

// How a finished model classifies the validation split; empty for one that is not finished.
std::optional<EvaluationReport> validation_report(const TrainingOutcome& outcome,
                                                  const io::DatasetInfo& dataset);

// A finished model as a candidate for publication: its buffers, and a card with model, metrics,
// recipe, data, the transform of its images, and its evaluation on the validation split.
ckpt::Snapshot candidate_of(const train::Recipe& recipe, const TrainingOutcome& outcome,
                            const io::DatasetInfo& dataset, const Settings& settings);

// One finished epoch as a metrics event and as a line for people.
Json epoch_event(const train::Recipe& recipe, const train::Progress& progress);
std::string epoch_line(const train::Recipe& recipe, const train::Progress& progress);

// Removes the checkpoints of a model that is stored after all of its epochs, unless some are to be
// kept. A run to a target accuracy may end before: a higher target goes on from its checkpoint. A
// run without checkpoints leaves what is there.
void remove_finished_checkpoints(const Settings& settings, const train::Recipe& recipe, int epochs);

// The memory of this node for a model of a run: a folder that is made when it is needed.
std::shared_ptr<ckpt::StateMemory> node_memory(const std::filesystem::path& run_dir,
                                               const std::string& model);

// The same in the memory of this node, by the group's first rank once a model is stored.
void forget_node_memory(const Settings& settings, const train::Recipe& recipe);

// The cache for training, as the settings ask: collective use of equal generations is the caller's.
io::Dataset open_dataset(const std::filesystem::path& cache, uint64_t generation,
                         const Settings& settings);

// What the memory caches of all ranks of a group did, summed: hits, misses, evictions (in blocks),
// bytes and seconds. Collective; every rank returns the same.
Json memory_cache_report(const io::Dataset& dataset, comm::Communicator& group);
// The same as a line for people.
std::string memory_cache_line(const Json& report);

// Threads for each of `trainers` ranks of the job: the cores of this node shared among its
// trainers, as far as this rank may use them.
int threads_per_trainer(int trainers, const comm::MpiEnvironment& mpi);

}  // namespace podium::workflow
