// EpochOrder: which record stands where in an epoch, by (seed, epoch) alone.
//
// An epoch is a sequence of groups; the records of one group are listed when it is asked for, so
// that the index is as long as a group, never as the data. Three ways:
//
//   full   one group of all records, shuffled (Fisher & Yates).
//   block  the blocks in random order are joined into groups of some blocks; the records of each
//          group are shuffled and dealt into the global batches. Within a batch the records of one
//          group are sorted, so that when ranks take contiguous shares of a batch, each needs about
//          1/world of the blocks of a group, and about the same ones in each epoch.
//   none   records in ascending order, in groups of some blocks.
//
// The set of records of a global batch, and their order, do not depend on the world size. Read-only
// after construction, thread-safe. Memory: a few bytes per block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace podium::io {

// `automatic` is `full` when all images fit in the memory budget, else `block`.
enum class Shuffle { none, full, block, automatic };

// "none", "full", "block", "auto".
const char* shuffle_name(Shuffle shuffle);
// Throws usage_error naming `key` for any other text.
Shuffle shuffle_from(std::string_view text, const std::string& key);

struct EpochOrderOptions {
  Shuffle shuffle = Shuffle::full;  // not automatic
  size_t group_blocks = 16;         // for none and block
  size_t batch = 1;                 // records of a global batch
  uint64_t seed = 0;
  uint64_t epoch = 0;
};

class EpochOrder {
 public:
  // Block b holds the records block_starts[b] to block_starts[b + 1] - 1. REQUIRES: batch and
  // group_blocks above 0, block_starts ascends from 0.
  EpochOrder(std::span<const uint32_t> block_starts, const EpochOrderOptions& options);

  uint64_t records() const { return firsts_.back(); }
  size_t groups() const { return firsts_.size() - 1; }

  // The records of group g stand at positions first(g) to first(g + 1) - 1 of the epoch.
  uint64_t first(size_t group) const { return firsts_[group]; }

  // The group of the record at `position`. REQUIRES: position < records().
  size_t group_of(uint64_t position) const;

  // The records of `group` in the order of their positions.
  std::vector<uint32_t> group(size_t group) const;

 private:
  std::vector<uint32_t> listed(size_t group) const;
  std::vector<uint32_t> deal(size_t group, const std::vector<uint32_t>& listed) const;

  EpochOrderOptions options_;
  std::vector<uint32_t> block_starts_;
  std::vector<uint32_t> blocks_;  // in the order of the epoch; ascending within a group
  std::vector<uint64_t> firsts_;  // positions where groups begin, and the end
};

}  // namespace podium::io
