// What the checkpoint of a training run holds, and how it gets into memory and back: the weights,
// the optimizer's momentum, the average of the weights, what only one rank knows, and the point at
// which the run stands.
//
// A run goes on from it bit-identically, also from the middle of an epoch. The order of images,
// augmentation, dropout and the learning rate depend only on the recipe, the epoch and the step, so
// that the point stands for all random numbers. What ranks do not share between two epochs, the
// running statistics of batch norm and the sums of the epoch, is stored rank by rank; a run that
// goes on with another number of ranks takes their mean and their total.
//
// Threads: all belongs to its trainer's thread, but what a StateCopy holds may be read by others.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "ckpt/snapshot.hpp"
#include "comm/communicator.hpp"
#include "train/progress.hpp"
#include "train/recipe.hpp"
#include "train/training_state.hpp"

namespace podium::train {

// What must be equal for a checkpoint to be gone on from.
struct TrainingIdentity {
  Recipe recipe;
  std::string dataset_digest;
};

nlohmann::ordered_json to_json(const TrainingIdentity& identity);

// Of the epoch under way, on one rank.
struct EpochSums {
  double loss = 0;
  double correct = 0;
  double images = 0;
};

// Where a run stands, between two steps.
struct TrainingPoint {
  Progress progress;
  int64_t step = 0;         // steps of the run that were taken
  int64_t epoch_step = 0;   // of the epoch under way; 0: none is
  uint64_t generation = 0;  // of the cache in that epoch
  EpochSums sums;           // of this rank
  double epoch_s = 0;       // that the epoch has taken
  double exposed_comm_s = 0;
  size_t losses_above = 0;  // loss_watch.hpp
};

// What one rank knows and others may not, between two steps of an epoch.
struct RankState {
  std::vector<float> statistics;
  std::vector<float> average_statistics;  // empty without an average
  EpochSums sums;
};

// Every rank's state on the first rank, in order; none elsewhere. Between two epochs all ranks are
// alike: there is one. Collective.
std::vector<RankState> gather_ranks(const TrainingState& state, const TrainingPoint& point,
                                    comm::Communicator& group);

// A copy of a training state in memory: all of it, or one of several even shares. Its memory is
// used again by the next copy.
class StateCopy {
 public:
  // Share `part` of `parts`; the first one also gets `ranks`. Waits for the backend.
  void take(const TrainingState& state, std::span<const RankState> ranks, int part, int parts);

  std::span<const ckpt::NamedBuffer> buffers() const { return {buffers_.data(), used_}; }
  // Which buffers are pieces of what, for the card.
  const nlohmann::ordered_json& pieces() const { return pieces_; }

 private:
  std::span<float> add(std::string name, std::vector<uint64_t> shape, size_t count);
  void add_shared(const TrainingState& state, int part, int parts);
  void add_ranks(const TrainingState& state, std::span<const RankState> ranks);

  std::vector<ckpt::NamedBuffer> buffers_;
  size_t used_ = 0;
  nlohmann::ordered_json pieces_;
};

// The card of a checkpoint.
nlohmann::ordered_json card_of(const TrainingState& state, const TrainingIdentity& identity,
                               const TrainingPoint& point, std::span<const RankState> ranks,
                               int world);

// The point in a checkpoint's card, as rank `rank` of `world` goes on from it. Throws data_error
// naming `where`.
TrainingPoint point_of(const nlohmann::ordered_json& card, int rank, int world,
                       const std::string& where);

// Puts weights, momentum and average into `state`, with the statistics of this rank. Throws
// data_error naming `where` when the checkpoint is of another architecture.
void restore(TrainingState& state, const ckpt::Snapshot& snapshot, int rank, int world,
             const std::string& where);

// Puts into `model` what `snapshot` holds for predictions: of the checkpoint of a run that averages
// its weights the average, which is what the run evaluates and publishes. Throws as restore() does,
// and for one part of several of a checkpoint.
void restore_for_use(nn::Model& model, const ckpt::Snapshot& snapshot, const std::string& where);

}  // namespace podium::train
