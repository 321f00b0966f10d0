// BlockSource: where the blocks of a cache come from, the seam under BlockCache.
//
// A block is a run of consecutive records that are read together: up to 1,000 of one shard, which
// is one HDF5 chunk. `shard_blocks` implements the seam over the shards of a cache; an
// implementation may also wrap another one, to change the images on their way.
//
// Threads: read() may be called by several threads at once, for the same block too. The other
// functions are read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace podium::io {

class BlockSource {
 public:
  virtual ~BlockSource() = default;

  virtual uint64_t blocks() const = 0;
  virtual uint64_t records(uint64_t block) const = 0;
  virtual size_t record_bytes() const = 0;

  // Reads the images of `block` [records(block), record_bytes()]. REQUIRES: `images` has that size.
  // Throws data_error when the block is damaged, io_error.
  virtual void read(uint64_t block, std::span<uint8_t> images) const = 0;

  uint64_t bytes(uint64_t block) const { return records(block) * record_bytes(); }
};

}  // namespace podium::io
