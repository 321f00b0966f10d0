// Checkpoints: when a run is made safe, by whom, and what it goes on from.
//
// A save copies the state into memory between two steps; training goes on while a thread writes the
// copy to the folder of the run, or hands it to a memory (state_memory.hpp). Large states are
// copied and written by several ranks, each its own part; the marker comes once all parts are
// durable. One save is under way at a time: one that falls due meanwhile is taken when it has
// ended.
//
// A save that fails is told at once, the checkpoint before stays, and it is tried again after a
// minute. Only the last one of a run that stops must succeed.
//
// Threads: belongs to its trainer's thread. Ranks agree on what is due and how saves end by votes,
// which travel in the trainer's own small sums, so that all take the same turns.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ckpt/background_task.hpp"
#include "ckpt/interval.hpp"
#include "ckpt/state_memory.hpp"
#include "ckpt/store.hpp"
#include "comm/communicator.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "train/training_checkpoint.hpp"

namespace podium::train {

struct CheckpointOptions {
  std::filesystem::path folder;  // of this model; empty: neither read nor written
  ckpt::Interval every = {ckpt::Interval::Unit::epochs, 1};
  ckpt::Retention retention;
  uint64_t part_bytes = uint64_t{256} << 20;  // states above it are written by several ranks
  ckpt::Interval memory_every;
  // Needed on the ranks that give it parts, the first one among them.
  std::shared_ptr<ckpt::StateMemory> memory;
};

class Checkpoints {
 public:
  // Who a run is, on a generation of the cache, and on the one in use.
  using Identify = std::function<TrainingIdentity(uint64_t generation)>;
  using Identity = std::function<TrainingIdentity()>;
  static constexpr size_t votes = 4;

  // Both references must outlive the object.
  Checkpoints(TrainingState& state, comm::Communicator& group, CheckpointOptions options, Log log);

  // Restores the newest state that is whole and of this run, on all ranks; nothing when there is
  // none. `identify` is asked on the first rank. Throws io_error for folders that cannot be used.
  // Collective.
  std::optional<TrainingPoint> resume(const Identify& identify);

  // Steps after which a save may be due, for engines that take many at once; 0: any.
  int64_t steps_between() const;
  // True where the number of steps taken makes one due: ranks must agree here.
  bool due_at(int64_t step) const;

  // What this rank has to say, for the sum over ranks; and what came of it.
  void vote(std::span<double, votes> mine);
  void count(std::span<const double, votes> sums);

  // Begins a save if one is due and none is under way. To be called once the votes are counted.
  // Collective.
  void proceed(const TrainingPoint& point, const Identity& identity);

  // Waits for a save that is under way. Collective.
  void settle();

  // Waits until the state is safe as it is at `point`. Throws io_error on all ranks when that
  // fails; a run that is `finished` goes on without. Collective.
  void conclude(const TrainingPoint& point, const Identity& identity, bool finished);

  // "there is no checkpoint yet", or which one there is.
  std::string kept() const;

 private:
  // One of the two places, and what is due there.
  struct Place {
    ckpt::Interval every;
    int parts = 1;
    bool on = false;
    bool due = false;
    bool displaces = false;  // what is there is of another run
    bool tidy = false;       // nothing there is in the way
    int64_t seen_step = 0;   // where the last look was
    int64_t seen_epochs = 0;
    int64_t resumed_step = 0;  // what is newer was refused
    int64_t saved_step = -1;   // of the newest checkpoint of this run
    std::string newest = {};   // where that is, for people; in memory
    Stopwatch since = {};      // the last save
  };
  enum class Phase { idle, writing, sealing };

  struct Candidate {
    ckpt::StateOffer offer;
    bool in_memory = false;
  };

  std::vector<Candidate> candidates();
  std::vector<ckpt::StateOffer> memory_offers();
  std::optional<Candidate> find(const Identify& identify, ckpt::Snapshot& found);
  void tell_displaced();
  void tell_resumed(const TrainingPoint& point, const std::string& where, bool from_memory) const;
  bool clock_says(const Place& place) const;
  void look(Place& place, const TrainingPoint& point) const;
  void begin(Place& place, const TrainingPoint& point, const Identity& identity);
  void make_room(Place& place);
  void clear_memory();
  void tell_failed_memory();
  void seal();
  void end(bool failed);
  bool leads() const { return group_.rank() == 0; }

  TrainingState& state_;
  comm::Communicator& group_;
  CheckpointOptions options_;
  Log log_;
  ckpt::Store store_;  // on disk
  Place disk_;
  Place memory_;
  StateCopy copy_;
  Phase phase_ = Phase::idle;
  Place* under_way_ = nullptr;
  ckpt::Marker marker_;                     // of the save under way
  bool failed_ = false;                     // the task of this rank, until that is counted
  std::string failure_;                     // the last one of this rank
  std::optional<Stopwatch> since_failure_;  // until the next try; on all ranks
  bool last_was_disk_ = false;
  bool concluding_ = false;
  ckpt::BackgroundTask task_;  // last: it uses what is above
};

}  // namespace podium::train
