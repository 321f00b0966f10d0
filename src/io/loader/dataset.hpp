// Dataset: the records of one cache, for reading.
//
// Processed images are kept in memory in blocks of up to 1,000 records, within a hard budget (see
// block_cache.hpp); labels are always in memory. Memory is flat in the number of records apart from
// these. Read-only after open() except for use_generation(): gather() may be called by several
// threads at once. An opened Dataset keeps its shard files open, so it outlives a rebuild of the
// cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/loader/batch_writer.hpp"
#include "io/loader/block_cache.hpp"
#include "io/loader/record_store.hpp"

namespace podium::io {

enum class Split { train = 0, validation = 1, test = 2 };

const char* split_name(Split split);

// What a cache says of itself. Images are uint8 [H,W,C], channels last.
struct DatasetInfo {
  std::string name;    // of the source: "fashion_mnist"
  std::string digest;  // of the source's content, 16 hexadecimal digits
  size_t height = 0;
  size_t width = 0;
  size_t channels = 0;
  size_t classes = 0;
  std::vector<std::string> class_names;  // one per class
  std::vector<double> mean;              // per channel over the train split, pixels scaled to [0,1]
  std::vector<double> stddev;            // likewise
  std::array<size_t, 3> counts{};        // records of train, validation and test

  size_t image_bytes() const { return height * width * channels; }
};

struct DatasetOptions {
  static constexpr uint64_t newest = std::numeric_limits<uint64_t>::max();

  uint64_t memory_bytes = uint64_t{1} << 30;  // budget of images in memory
  CachePolicy policy = CachePolicy::pin;
  uint64_t generation = newest;  // the last append whose records are seen

  // Of the train and the validation split only the first so many records are seen; 0: all.
  uint64_t train_records = 0;
  uint64_t validation_records = 0;

  // Puts another source of images over the shards', which it owns: for measurements of what
  // processing costs. It must give images of the same shape.
  std::function<std::unique_ptr<BlockSource>(std::unique_ptr<BlockSource>)> wrap = {};
};

class Dataset {
 public:
  // Opens the cache folder `path` (Decision::path of an ingest). Verifies every byte of caches up
  // to the memory budget; of larger ones the seals, and each chunk when it is read. Throws
  // data_error naming the damaged file, or for a generation that is not there; unavailable_error
  // when there is no cache.
  static Dataset open(const std::filesystem::path& path, const DatasetOptions& options = {});

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  // What it was opened with, for who opens it once more.
  const std::filesystem::path& path() const;
  const DatasetOptions& options() const;

  const DatasetInfo& info() const;
  size_t size(Split split) const { return info().counts[static_cast<size_t>(split)]; }

  // The generation in use, and the newest one that the cache on disk has. When the cache was
  // rebuilt meanwhile there is nothing newer. Throws what reading a manifest throws.
  uint64_t generation() const;
  uint64_t newest_generation() const;

  // Takes up the shards appended up to `generation`, or hides those appended later: the train split
  // follows, validation and test stay. REQUIRES: no Loader of this dataset is alive, nobody
  // gathers. Throws data_error when the cache has no such generation or was rebuilt.
  void use_generation(uint64_t generation);

  // Bytes of images held in memory.
  uint64_t resident_bytes() const { return statistics().bytes_resident; }
  CacheStatistics statistics() const;

  // Copies the images [n,H,W,C] and labels [n] of `records` (n indices below size(split)).
  // REQUIRES: images.size() == n * image_bytes(), labels.size() == n. Throws data_error when a
  // record must be read from disk and is damaged.
  void gather(Split split, std::span<const uint32_t> records, std::span<uint8_t> images,
              std::span<uint8_t> labels) const;

  // --- what a Loader needs ---

  // As above for the first `count` of `records`, with the scratch of the calling thread. The others
  // are those that this thread gathers next: they are brought nearer, up to records_ahead() of
  // them.
  void gather(Split split, std::span<const uint32_t> records, size_t count,
              const BatchWriter& writer, GatherScratch& scratch) const;
  size_t records_ahead() const;

  // Block b holds the records starts[b] to starts[b + 1] - 1 of the split, perhaps none.
  const std::vector<uint32_t>& block_starts(Split split) const;

  // Keeps a block of `split` in memory; one touch of the cache.
  BlockLease lease(Split split, uint64_t block) const;

  // As gather(), for records that are cut into runs of leased blocks, to positions from `first` on.
  void copy_runs(Split split, std::span<const uint32_t> records, std::span<const BlockRun> runs,
                 size_t first, const BatchWriter& writer, GatherScratch& scratch) const;

  // Whether the images of all splits fit in the budget.
  bool fits_in_memory() const;

  // Blocks that may be leased at once within the budget, at least some few.
  size_t blocks_at_once() const;

 private:
  struct State;
  explicit Dataset(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace podium::io
