// RecordStore: the records of both parts of a cache, found through the memory cache of blocks.
//
// Records of a part lie in its blocks in order. A batch whose blocks all stay in memory for good is
// copied without a lock; otherwise its records are taken block by block, one lease at a time.
//
// Threads: const functions by any thread, each with a scratch of its own; grow() alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/batch_writer.hpp"
#include "io/block_cache.hpp"
#include "io/shard_blocks.hpp"
#include "io/step_index.hpp"

namespace podium::io {

// What one thread needs while it gathers; kept from call to call to save allocations.
struct GatherScratch {
  std::vector<uint32_t> records;          // of the part
  std::vector<const uint8_t*> sources;    // where each record is
  std::vector<uint32_t> order;            // positions by record
  std::vector<uint64_t> touched_in_call;  // by block: the last call that needed it
  uint64_t calls = 0;
};

class RecordStore {
 public:
  // Both must outlive the store; `source` gives the images of `shards`, perhaps changed.
  RecordStore(const ShardBlocks& shards, const BlockSource& source,
              const BlockCacheOptions& options);

  // Copies `records` of `part` to the positions 0, 1, ... of `writer`.
  void gather(Part part, std::span<const uint32_t> records, const BatchWriter& writer,
              GatherScratch& scratch) const;

  // One touch of a block of `part`.
  BlockLease lease(Part part, uint64_t block) const {
    return cache_.acquire(layout(part).first_block + block);
  }

  // As gather(), for records of one block whose bytes are at `data`, to positions from `first` on.
  void copy_run(Part part, uint64_t block, const uint8_t* data, std::span<const uint32_t> records,
                size_t first, const BatchWriter& writer) const;

  // Blocks of `part`, and where they begin: block b has the records starts[b] to starts[b + 1] - 1.
  const std::vector<uint32_t>& block_starts(Part part) const { return layout(part).starts; }
  uint64_t block_of(Part part, uint32_t record) const { return layout(part).blocks.count(record); }

  // Takes up what the shards have gained.
  void grow();

  const BlockCache& cache() const { return cache_; }

 private:
  struct Layout {
    uint64_t first_block = 0;      // of the source
    std::vector<uint32_t> starts;  // one more than blocks
    StepIndex blocks;              // record to block
  };

  const Layout& layout(Part part) const { return layouts_[static_cast<size_t>(part)]; }
  void lay_out(Part part, uint64_t first_block, uint64_t end_block);
  bool find_all(Part part, std::span<const uint32_t> records, GatherScratch& scratch) const;
  void gather_by_block(Part part, std::span<const uint32_t> records, const BatchWriter& writer,
                       GatherScratch& scratch) const;

  const ShardBlocks& shards_;
  const BlockSource& source_;
  size_t image_bytes_;
  std::array<Layout, 2> layouts_;  // by Part
  BlockCache cache_;
};

}  // namespace podium::io
