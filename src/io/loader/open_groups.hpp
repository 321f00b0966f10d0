// OpenGroups: the groups of one epoch as the threads of a Loader go through them.
//
// One group is open at a time: its records are listed and its blocks are leased, each when first
// needed and once for all threads. A group is closed, and its blocks let go, when all steps that
// overlap it have left it; only then the next one opens. Hence never more blocks are leased than a
// group has.
//
// Threads: any. They take steps in ascending order, and leave every group that a step overlaps, in
// order, whether they entered it or not; so nobody waits for a step that nobody has.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "io/loader/dataset.hpp"
#include "io/loader/epoch_order.hpp"

namespace podium::io {

class OpenGroups {
 public:
  // Of an epoch that begins at `first_step`, in batches of `batch`. All must outlive this.
  OpenGroups(const Dataset& dataset, Split split, const EpochOrder& order, size_t batch,
             size_t first_step);

  // Opens `group`, after waiting for those before it, and gives its records by position. The span
  // is valid until the calling step leaves the group.
  std::span<const uint32_t> enter(size_t group);

  // Cuts `records`, some ascending ones of the open group, into runs, with leases on their blocks
  // that are valid until the calling step leaves the group. Throws what reading throws.
  void lease_runs(std::span<const uint32_t> records, std::vector<BlockRun>& runs);

  // A step is done with `group`.
  void leave(size_t group);

 private:
  enum class Reading { not_yet, under_way, done };
  struct Block {
    Reading state = Reading::not_yet;
    BlockLease lease;
  };

  size_t steps_in(size_t group) const;
  void read(std::unique_lock<std::mutex>& lock, uint64_t number, Block& block);
  uint64_t block_of(uint32_t record) const;

  const Dataset& dataset_;
  const Split split_;
  const EpochOrder& order_;
  const size_t batch_;
  const size_t first_step_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  size_t current_;                       // groups before it are closed
  bool listed_ = false;                  // the current group is open
  std::vector<uint32_t> records_;        // of the current group
  std::map<uint64_t, Block> blocks_;     // of the current group, by number
  std::map<size_t, size_t> steps_left_;  // by group, for those that some step has left
};

}  // namespace podium::io
