// The manifest of a cache: what it holds, from which source, in which shards (docs/formats.md).
//
// Written last and atomically: a cache exists once its manifest does. Free functions, thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/augment.hpp"
#include "io/ingest.hpp"
#include "io/seal.hpp"

namespace podium::io {

inline constexpr Schema cache_schema{
    "podium.cache", 2, "build the cache again with `podium ingest --io.rebuild=true`"};
inline constexpr const char* manifest_file = "manifest.h5";

struct Manifest {
  std::string name;    // of the source
  std::string source;  // as the user wrote it
  std::string digest;  // of the source's content, 16 hexadecimal digits
  std::string built;   // UTC, ISO 8601
  ImageShape shape;
  std::vector<std::string> class_names;
  uint64_t train_records = 0;  // of the train part: train and validation splits together
  uint64_t test_records = 0;
  uint64_t split_seed = 0;
  std::vector<uint32_t> validation;  // records of the train part, ascending
  std::vector<double> mean;          // per channel over the train split, pixels scaled to [0,1]
  std::vector<double> stddev;        // likewise
  std::vector<ShardEntry> shards;    // by part, then by first record

  // The last append, 0 if there was none. Appended records belong to the train split; they follow
  // those of earlier generations.
  uint64_t generation = 0;

  uint64_t records(Part part) const { return part == Part::train ? train_records : test_records; }
};

// Throws io_error.
void write_manifest(const std::filesystem::path& path, const Manifest& manifest);

// Throws io_error; data_error when it is damaged or contradicts itself.
Manifest read_manifest(const std::filesystem::path& path);

// Whether the shards, in order, cover every record of both parts once.
bool shards_cover(const Manifest& manifest);

}  // namespace podium::io
