// Ingest: turns a source into a cache, by any number of ranks without communication.
//
// One rank calls decide(); when it says to write, every rank calls write_part() with the decision's
// plan for its contiguous range of the records; the deciding rank collects the reports and calls
// finish(), which writes the manifest last. Readers see the cache before or after, never between:
// shards are never written over, and a manifest names the shards that belong to it.
//
// A cache is named by the source's place, its transforms and its split; the folder of that name
// holds one build and what was appended to it. The deciding rank holds the cache's lock file from
// decide() to the end of its Ingest, so that of several jobs that need the same cache one builds
// and the others wait. A dead builder's lock falls with its process. Used by one thread; memory
// stays at two batches, whatever the size of the set.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/trace.hpp"
#include "io/cache/memo.hpp"
#include "io/cache/write_plan.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

struct IngestOptions {
  std::string source = "fashion_mnist";
  std::filesystem::path cache_dir;
  uint64_t split_seed = 0;
  uint64_t validation_records = 5000;  // taken from the train part by split_seed
  Transform transform;                 // of every image, before it is stored
  MemoRules memo;                      // when a cache is used as it is
  // Adds to a cache that is there: what its source has grown by (empty text), or another source.
  std::optional<std::string> append;
  std::vector<std::filesystem::path> data_folders;  // as in SourceOptions
  std::vector<std::string> mirrors;                 // as in SourceOptions
  std::chrono::seconds lock_timeout{3600};          // for another job that builds the same cache
  // Called on one thread now and then with how many of a rank's records are written, of how many.
  std::function<void(uint64_t done, uint64_t total)> on_advance = {};
  Log log;
  Tracer* tracer = nullptr;  // hears of each batch, and outlives the ingest; null: none does
};

// Whether the cache is used as it is, and why.
struct Decision {
  bool reuse = false;
  std::string reason;             // one sentence for people
  std::filesystem::path path;     // of the cache folder, for Dataset::open()
  uint64_t records = 0;           // train and test together, once the ingest is done
  uint64_t bytes = 0;             // of image data, likewise
  uint64_t appended = 0;          // records that this ingest appends
  uint64_t generation = 0;        // of the cache, likewise
  std::optional<WritePlan> plan;  // unless it is used as it is
};

class Ingest {
 public:
  explicit Ingest(IngestOptions options);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Compares the source (downloaded if need be) with the cache, as the memo's rules say. Waits
  // while another job builds this cache. Throws what open_source() throws, unavailable_error after
  // lock_timeout or when there is no cache to append to, data_error for what cannot be appended.
  Decision decide();

  // Writes the shards of `rank` out of `ranks`. Throws data_error, io_error.
  ShardReport write_part(const WritePlan& plan, uint64_t rank, uint64_t ranks);

  // Writes the manifest from the reports of all ranks, in any order, and removes what the cache no
  // longer needs. REQUIRES: decide() said to write. Throws internal_error when the reports do not
  // cover the plan, io_error.
  void finish(const std::vector<ShardReport>& reports);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::io
