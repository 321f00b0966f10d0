// Shards: the files of a cache that hold its records (docs/formats.md).
//
// A shard has the datasets `images` uint8 [n,H,W,C] and `labels` uint8 [n], in chunks of up to
// 1,000 records with Fletcher32 checksums, and is sealed as a whole. Writers and readers belong to
// one thread each, except that ShardReader::read() may be called by several.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "io/files/atomic_file.hpp"
#include "io/files/hdf5_file.hpp"
#include "io/files/seal.hpp"
#include "io/image/augment.hpp"

namespace podium::io {

inline constexpr Schema shard_schema{"podium.shard", 1,
                                     "build the cache again with `podium ingest --memo=never`"};

// Records per batch and per chunk: 1,000, fewer where that many would exceed 32 MiB.
uint64_t batch_records(const ImageShape& shape);

class ShardWriter {
 public:
  // REQUIRES: records > 0. Throws io_error.
  ShardWriter(const std::filesystem::path& path, const ImageShape& shape, uint64_t records);

  // Appends labels.size() records. Throws io_error.
  void append(std::span<const uint8_t> images, std::span<const uint8_t> labels);

  // Seals and publishes the shard; write_manifest() makes its name durable. REQUIRES: all records
  // were appended. Throws io_error.
  Seal finish();

 private:
  TemporaryFile file_;
  Hdf5File hdf5_;
  std::optional<Hdf5Dataset> images_;
  std::optional<Hdf5Dataset> labels_;
  uint64_t next_ = 0;
};

class ShardReader {
 public:
  // Throws io_error, and data_error when the shard is not of `shape` or not of `records`.
  ShardReader(const std::filesystem::path& path, const ImageShape& shape, uint64_t records);

  uint64_t records() const { return images_.rows(); }

  // Reads records from `first` on. Throws data_error when a chunk's checksum fails.
  void read_images(uint64_t first, std::span<uint8_t> images) const { images_.read(first, images); }
  void read_labels(uint64_t first, std::span<uint8_t> labels) const { labels_.read(first, labels); }

 private:
  Hdf5File file_;
  Hdf5Dataset images_;
  Hdf5Dataset labels_;
};

}  // namespace podium::io
