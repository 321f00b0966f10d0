// RecordStore: the records of one part of a cache, in memory as far as a budget goes.
//
// The first records are resident; the others are read from their shards. Labels are always
// resident. Read-only after construction; safe for several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "io/manifest.hpp"
#include "io/shard.hpp"

namespace podium::io {

class RecordStore {
 public:
  // Verifies each shard of `part` against `manifest` and reads as many images as fit in
  // `memory_bytes`. Throws data_error naming a damaged shard.
  RecordStore(const std::filesystem::path& folder, const Manifest& manifest, Part part,
              uint64_t memory_bytes);

  uint64_t resident_bytes() const { return resident_records_ * image_bytes_; }

  // As Dataset::gather(), with records of the part.
  void gather(std::span<const uint32_t> records, std::span<uint8_t> images,
              std::span<uint8_t> labels) const;

 private:
  struct Shard {
    ShardReader reader;
    uint64_t first;
  };

  void load(const Shard& shard);
  void read_from_shards(std::vector<size_t> positions, std::span<const uint32_t> records,
                        std::span<uint8_t> images) const;
  const Shard& shard_of(uint64_t record) const;

  size_t image_bytes_;
  uint64_t chunk_records_;
  uint64_t resident_records_;
  std::vector<Shard> shards_;  // those that are not wholly resident
  std::vector<uint8_t> labels_;
  std::unique_ptr<uint8_t[]> images_;  // of the resident records
};

}  // namespace podium::io
