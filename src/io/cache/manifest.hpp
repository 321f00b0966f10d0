// The manifest of a cache: what it holds, from which source, in which shards (docs/formats.md).
//
// Written last and atomically: a cache exists once its manifest does. Free functions, thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/files/seal.hpp"
#include "io/image/image_shape.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

inline constexpr Schema cache_schema{"podium.cache", 2,
                                     "build the cache again with `podium ingest --memo=never`"};
inline constexpr const char* manifest_file = "manifest.h5";

// One shard written by one rank.
struct ShardEntry {
  Part part = Part::train;
  std::string file;  // within the cache folder
  uint64_t first = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;       // of the file
  uint64_t xxh3 = 0;        // as sealed (docs/formats.md)
  uint64_t generation = 0;  // 0: written when the cache was built; n: by its n-th append
};

// Records that were added to a finished cache.
struct Append {
  uint64_t generation = 0;
  std::string source;  // as the user wrote it
  std::string digest;  // of that source's content, 16 hexadecimal digits
  bool own = false;    // whether it is the cache's own source, which had grown
  uint64_t records = 0;
  std::string at;  // UTC, ISO 8601
};

struct Manifest {
  std::string name;             // of the source
  std::string source;           // as the user wrote it
  std::string location;         // names its place for good
  std::string digest;           // of the data as built, transforms included: 16 hexadecimal digits
  std::string source_digest;    // of the source's content at the last update, likewise
  uint64_t source_records = 0;  // of the source then, train and test together
  uint64_t source_train_records = 0;  // of its train part, so far as they are in the cache
  std::string transform;              // text of the transforms; may be empty
  std::string built;                  // UTC, ISO 8601
  std::string updated;                // the same, or when records were last appended
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
  std::vector<Append> appends;  // one for each generation after 0

  uint64_t records(Part part) const { return part == Part::train ? train_records : test_records; }
};

// The names of all shards in its folder are durable before the manifest appears. Throws io_error.
void write_manifest(const std::filesystem::path& path, const Manifest& manifest);

// Throws io_error; data_error when it is damaged or contradicts itself.
Manifest read_manifest(const std::filesystem::path& path);

// Whether the shards, in order, cover every record of both parts once.
bool shards_cover(const Manifest& manifest);

}  // namespace podium::io
