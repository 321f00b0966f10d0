// Ingest: turns a source into a cache, by any number of ranks without communication.
//
// One rank calls decide(); when it says to build, every rank calls write_part() for its contiguous
// range of the records; the deciding rank collects the reports and calls finish(), which writes the
// manifest last. The deciding rank holds the cache's lock file from decide() to the end of its
// Ingest, so that of several jobs that need the same cache one builds and the others wait. A dead
// builder's lock falls with its process. Used by one thread; memory stays at one batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

struct IngestOptions {
  std::string source = "fashion_mnist";
  std::filesystem::path cache_dir;
  uint64_t split_seed = 0;
  uint64_t validation_records = 5000;               // taken from the train part by split_seed
  bool force = false;                               // rebuild even a current cache
  std::vector<std::filesystem::path> data_folders;  // as in SourceOptions
  std::vector<std::string> mirrors;                 // as in SourceOptions
  std::chrono::seconds lock_timeout{3600};          // for another job that builds the same cache
  Log log;
};

// Whether the cache is used as it is, and why.
struct Decision {
  bool reuse = false;
  std::string reason;          // one sentence for people
  std::filesystem::path path;  // of the cache folder, for Dataset::open()
  uint64_t records = 0;        // train and test together
  uint64_t bytes = 0;          // of image data
};

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

// What one rank wrote. Sums are exact integers, so statistics do not depend on the rank count.
struct ShardReport {
  std::vector<ShardEntry> shards;
  std::vector<uint64_t> sum;         // per channel, of pixels of the train split
  std::vector<uint64_t> square_sum;  // per channel, of their squares

  std::string to_json() const;
  // Throws internal_error when `text` is no report.
  static ShardReport from_json(std::string_view text);
};

class Ingest {
 public:
  explicit Ingest(IngestOptions options);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Opens the source (downloads it if need be) and compares it with the cache. Waits while another
  // job builds this cache. Throws what open_source() throws, unavailable_error after lock_timeout.
  Decision decide();

  // Writes the shards of `rank` out of `ranks`. Throws data_error, io_error.
  ShardReport write_part(uint64_t rank, uint64_t ranks);

  // Writes the manifest from the reports of all ranks, in any order, and removes what the cache no
  // longer needs. REQUIRES: decide() said to build. Throws internal_error when the reports do not
  // cover the source, io_error.
  void finish(const std::vector<ShardReport>& reports);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::io
