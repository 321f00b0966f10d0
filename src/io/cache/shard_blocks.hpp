// ShardBlocks: the shards of a cache, opened and verified, as a source of blocks.
//
// Blocks are numbered by part, test before train, because the train part is the one that grows:
// numbers stay what they are when shards are appended. Shards stay open, so a rebuild of the cache
// does not disturb their readers. Labels are read at once: one byte per record.
//
// Threads: add() wants no other caller; the rest is read-only and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "io/cache/block_source.hpp"
#include "io/cache/manifest.hpp"
#include "io/cache/shard.hpp"

namespace podium::io {

class ShardBlocks : public BlockSource {
 public:
  ShardBlocks(std::filesystem::path folder, const ImageShape& shape, size_t classes)
      : folder_(std::move(folder)),
        shape_(shape),
        classes_(classes),
        chunk_records_(batch_records(shape)) {}

  // Opens one more shard; test shards first. `whole`: verifies every byte against the seal, else
  // the seal alone, and each chunk by its checksum when it is read. Throws data_error when it is
  // damaged or not the one that the manifest lists, io_error.
  void add(const ShardEntry& entry, bool whole);

  uint64_t blocks() const override { return blocks_; }
  uint64_t records(uint64_t block) const override;
  size_t record_bytes() const override { return shape_.bytes(); }
  void read(uint64_t block, std::span<uint8_t> images) const override;

  // Blocks below it are of the test part.
  uint64_t first_train_block() const { return first_train_block_; }

  // Of all records of a part.
  const std::vector<uint8_t>& labels(Part part) const { return labels_[static_cast<size_t>(part)]; }

 private:
  struct Shard {
    ShardReader reader;
    std::filesystem::path path;
    uint64_t first_block;
  };

  void read_labels(const Shard& shard, std::vector<uint8_t>& labels) const;
  const Shard& shard_of(uint64_t block) const;

  std::filesystem::path folder_;
  ImageShape shape_;
  size_t classes_;
  uint64_t chunk_records_;
  std::vector<Shard> shards_;
  uint64_t blocks_ = 0;
  uint64_t first_train_block_ = 0;
  std::array<std::vector<uint8_t>, 2> labels_;  // by Part
};

}  // namespace podium::io
