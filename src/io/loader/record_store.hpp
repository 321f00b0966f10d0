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

#include "io/cache/shard_blocks.hpp"
#include "io/loader/batch_writer.hpp"
#include "io/loader/block_cache.hpp"
#include "io/loader/step_index.hpp"

namespace podium::io {

// What one thread needs while it gathers; kept from call to call to save allocations.
struct GatherScratch {
  std::vector<uint32_t> records;          // of the part
  std::vector<const uint8_t*> sources;    // where each record is
  std::vector<uint32_t> order;            // positions by record
  std::vector<uint64_t> touched_in_call;  // by block: the last call that needed it
  uint64_t calls = 0;
};

// Records [begin, end) of a list are those of one leased block of a part.
struct BlockRun {
  uint64_t block;
  const BlockLease* lease;
  size_t begin;
  size_t end;
};

class RecordStore {
 public:
  // Both must outlive the store; `source` gives the images of `shards`, perhaps changed.
  RecordStore(const ShardBlocks& shards, const BlockSource& source,
              const BlockCacheOptions& options);

  // Copies the first `count` of scratch.records, records of `part`, to the positions 0, 1, ... of
  // `writer`. The others are those that come next: they are announced to the processor.
  void gather(Part part, size_t count, const BatchWriter& writer, GatherScratch& scratch) const;

  // So many records to come are worth announcing.
  size_t records_ahead() const { return records_ahead_; }

  // One touch of a block of `part`.
  BlockLease lease(Part part, uint64_t block) const {
    const uint64_t source_block = layout(part).first_block + block;
    return cache_.acquire(source_block, source_.bytes(source_block));
  }

  // Copies scratch.records, records of `part`, cut into `runs`, to the positions `first`,
  // `first` + 1, ... of `writer`.
  void copy_runs(Part part, std::span<const BlockRun> runs, size_t first, const BatchWriter& writer,
                 GatherScratch& scratch) const;

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

  // The distinct blocks that one call has needed.
  struct Touches {
    uint64_t call;
    uint64_t blocks;
  };

  bool gather_settled(Part part, size_t count, const BatchWriter& writer,
                      GatherScratch& scratch) const;
  bool find(Part part, size_t i, bool needed, GatherScratch& scratch, Touches& touches) const;
  void gather_by_block(Part part, size_t count, const BatchWriter& writer,
                       GatherScratch& scratch) const;

  const ShardBlocks& shards_;
  const BlockSource& source_;
  size_t image_bytes_;
  size_t records_ahead_;
  size_t announced_;               // bytes of a record that are announced
  std::array<Layout, 2> layouts_;  // by Part
  BlockCache cache_;
};

}  // namespace podium::io
