#include "io/loader/dataset.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <numeric>
#include <thread>

#include "core/error.hpp"
#include "io/cache/manifest.hpp"
#include "io/cache/shard_blocks.hpp"
#include "io/loader/split_map.hpp"

namespace podium::io {
namespace {

// Leased blocks take at most one in so many bytes of the budget, and are this many.
constexpr uint64_t leased_share = 4;
constexpr uint64_t fewest_blocks_at_once = 4;
constexpr uint64_t most_blocks_at_once = 16;

// While another job rebuilds the cache, manifest and shards may be of different builds.
constexpr int open_attempts = 6;
constexpr std::chrono::milliseconds first_retry_pause{10};  // doubles

constexpr std::array<Split, 3> all_splits = {Split::train, Split::validation, Split::test};

Part part_of(Split split) {
  return split == Split::test ? Part::test : Part::train;
}

// What is seen of `count` records; `limit` 0: all.
size_t seen_of(uint64_t count, uint64_t limit) {
  return limit == 0 ? count : std::min(count, limit);
}

bool is_same_shard(const ShardEntry& a, const ShardEntry& b) {
  return a.part == b.part && a.file == b.file && a.first == b.first && a.records == b.records &&
         a.xxh3 == b.xxh3 && a.generation == b.generation;
}

// Tells one published manifest from another: they are replaced by rename.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;
  int64_t bytes = 0;
  bool operator==(const FileIdentity&) const = default;
};

FileIdentity identity_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw io_error("cannot stat", path.string(), errno);
  return {status.st_dev, status.st_ino,
          status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec, status.st_size};
}

DatasetInfo info_from(const Manifest& manifest) {
  DatasetInfo info;
  info.name = manifest.name;
  info.digest = manifest.digest;
  info.height = manifest.shape.height;
  info.width = manifest.shape.width;
  info.channels = manifest.shape.channels;
  info.classes = manifest.class_names.size();
  info.class_names = manifest.class_names;
  info.mean = manifest.mean;
  info.stddev = manifest.stddev;
  return info;
}

// Whether the shards on disk are others than those that `manifest` lists.
bool shards_were_replaced(const std::filesystem::path& folder, const Manifest& manifest) {
  return std::ranges::any_of(manifest.shards, [&](const ShardEntry& shard) {
    try {
      return read_seal(folder / shard.file, shard_schema).xxh3 != shard.xxh3;
    } catch (const Error& error) {
      return error.code() == ExitCode::io;  // gone; a damaged one was not replaced
    }
  });
}

}  // namespace

const char* split_name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::test:
      return "test";
  }
  return "?";
}

struct Dataset::State {
  State(const std::filesystem::path& path, const DatasetOptions& given, Manifest manifest)
      : folder(path),
        options(given),
        shape(manifest.shape),
        info(info_from(manifest)),
        map(std::move(manifest.validation)) {
    auto opened = std::make_unique<ShardBlocks>(folder, shape, info.classes);
    shards = opened.get();
    source = options.wrap ? options.wrap(std::move(opened)) : std::move(opened);
    require(source->record_bytes() == shape.bytes(), "wrapped images keep their shape", "Dataset");
    add_shards(manifest, options.generation == DatasetOptions::newest ? manifest.generation
                                                                      : options.generation);
    make_store();
    show(generation);
  }

  // Opens the shards of generations up to `wanted` that are not open yet.
  void add_shards(const Manifest& manifest, uint64_t wanted) {
    if (wanted > manifest.generation) {
      throw data_error("the cache has no generation " + std::to_string(wanted) +
                           ": its newest is " + std::to_string(manifest.generation),
                       folder.string(), "start a new run, or append the same records again");
    }
    uint64_t bytes = 0;
    for (const ShardEntry& shard : manifest.shards) bytes += shard.bytes;
    for (const Part part : {Part::test, Part::train}) {
      for (const ShardEntry& shard : manifest.shards) {
        const bool is_new = listed.empty() || shard.generation > opened_generation;
        if (shard.part != part || shard.generation > wanted || !is_new) continue;
        shards->add(shard, bytes <= options.memory_bytes);
      }
    }
    listed = manifest.shards;
    std::erase_if(listed, [&](const ShardEntry& shard) { return shard.generation > wanted; });
    opened_generation = generation = wanted;
  }

  void make_store() {
    const uint64_t block_bytes = batch_records(shape) * shape.bytes();
    const uint64_t share = options.memory_bytes / leased_share / block_bytes;
    blocks_at_once = std::clamp(share, fewest_blocks_at_once, most_blocks_at_once);
    if (store) {
      past += store->cache().statistics();
      past.bytes_resident = 0;
      store.reset();  // frees its memory first
    }
    store = std::make_unique<RecordStore>(
        *shards, *source,
        BlockCacheOptions{options.memory_bytes, blocks_at_once * block_bytes, options.policy});
  }

  // Makes the records of generations up to `wanted`, which are open, the ones that are seen.
  void show(uint64_t wanted) {
    generation = wanted;
    std::array<uint64_t, 2> records{};  // by Part
    for (const ShardEntry& shard : listed) {
      if (shard.generation <= wanted) records[static_cast<size_t>(shard.part)] += shard.records;
    }
    const auto train = static_cast<uint32_t>(records[static_cast<size_t>(Part::train)]);
    const uint32_t validation = map.validation_below(train);
    info.counts = {seen_of(train - validation, options.train_records),
                   seen_of(validation, options.validation_records),
                   records[static_cast<size_t>(Part::test)]};
    for (const Split split : all_splits) {
      std::vector<uint32_t>& starts = block_starts[static_cast<size_t>(split)];
      starts = store->block_starts(part_of(split));
      if (split == Split::test) continue;
      for (uint32_t& start : starts) {
        start = std::min(start, train);
        const uint32_t below = map.validation_below(start);
        const auto seen = static_cast<uint32_t>(info.counts[static_cast<size_t>(split)]);
        start = std::min(seen, split == Split::validation ? below : start - below);
      }
    }
  }

  // Whether `manifest` has all shards that are open: false after a rebuild.
  bool is_continued_by(const Manifest& manifest) const {
    std::vector<ShardEntry> earlier = manifest.shards;
    std::erase_if(earlier,
                  [&](const ShardEntry& shard) { return shard.generation > opened_generation; });
    return std::ranges::equal(earlier, listed, is_same_shard);
  }

  void map_records(Split split, std::span<const uint32_t> records,
                   std::vector<uint32_t>& mapped) const {
    const size_t count = info.counts[static_cast<size_t>(split)];
    mapped.resize(records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      const uint32_t record = records[i];
      require(record < count, "a record lies within its split", "Dataset::gather");
      mapped[i] = split == Split::train        ? map.train_record(record)
                  : split == Split::validation ? map.validation_record(record)
                                               : record;
    }
  }

  std::filesystem::path folder;
  DatasetOptions options;
  ImageShape shape;
  DatasetInfo info;
  SplitMap map;
  ShardBlocks* shards = nullptr;        // of `source`
  std::unique_ptr<BlockSource> source;  // the shards, perhaps wrapped
  std::unique_ptr<RecordStore> store;
  std::vector<ShardEntry> listed;  // the shards that are open, as the manifest lists them
  uint64_t opened_generation = 0;
  uint64_t generation = 0;  // in use: at most the opened one
  uint64_t blocks_at_once = fewest_blocks_at_once;
  std::array<std::vector<uint32_t>, 3> block_starts;  // by Split
  CacheStatistics past;                               // of stores that are gone

  std::mutex mutex;  // guards what follows
  FileIdentity manifest_seen;
  uint64_t newest_seen = 0;
  std::vector<GatherScratch> spare;
};

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::filesystem::path& path, const DatasetOptions& options) {
  auto pause = first_retry_pause;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    std::error_code ignored;
    if (!std::filesystem::exists(path / manifest_file, ignored)) {
      throw unavailable_error("there is no cache", path.string(), "run `podium ingest` first");
    }
    const Manifest manifest = read_manifest(path / manifest_file);
    try {
      return Dataset(std::make_unique<State>(path, options, manifest));
    } catch (const Error&) {
      if (attempt == open_attempts || !shards_were_replaced(path, manifest)) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

const std::filesystem::path& Dataset::path() const {
  return state_->folder;
}

const DatasetOptions& Dataset::options() const {
  return state_->options;
}

const DatasetInfo& Dataset::info() const {
  return state_->info;
}

uint64_t Dataset::generation() const {
  return state_->generation;
}

uint64_t Dataset::newest_generation() const {
  State& state = *state_;
  const std::filesystem::path path = state.folder / manifest_file;
  const std::lock_guard lock(state.mutex);
  const FileIdentity identity = identity_of(path);
  if (identity != state.manifest_seen) {
    const Manifest manifest = read_manifest(path);
    state.newest_seen =
        state.is_continued_by(manifest) ? manifest.generation : state.opened_generation;
    state.manifest_seen = identity;
  }
  return std::max(state.newest_seen, state.opened_generation);
}

void Dataset::use_generation(uint64_t generation) {
  State& state = *state_;
  if (generation > state.opened_generation) {
    const std::filesystem::path path = state.folder / manifest_file;
    const Manifest manifest = read_manifest(path);
    if (!state.is_continued_by(manifest)) {
      throw data_error("the cache was rebuilt while it was in use", path.string(),
                       "start the run again");
    }
    state.add_shards(manifest, generation);
    uint64_t bytes = 0;
    for (uint64_t block = 0; block < state.source->blocks(); ++block) {
      bytes += state.source->bytes(block);
    }
    if ((bytes <= state.options.memory_bytes) == fits_in_memory()) {
      state.store->grow();
    } else {
      state.make_store();
    }
  }
  state.show(generation);
}

CacheStatistics Dataset::statistics() const {
  CacheStatistics statistics = state_->store->cache().statistics();
  const uint64_t peak = std::max(statistics.peak_bytes, state_->past.peak_bytes);
  statistics += state_->past;
  statistics.peak_bytes = peak;
  return statistics;
}

void Dataset::gather(Split split, std::span<const uint32_t> records, std::span<uint8_t> images,
                     std::span<uint8_t> labels) const {
  require(labels.size() == records.size() && images.size() == records.size() * info().image_bytes(),
          "a batch has room for its records", "Dataset::gather");
  GatherScratch scratch;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->spare.empty()) {
      scratch = std::move(state_->spare.back());
      state_->spare.pop_back();
    }
  }
  gather(split, records, records.size(), BatchWriter{state_->shape, images, labels, {}, 0, 0, {}},
         scratch);
  const std::lock_guard lock(state_->mutex);
  state_->spare.push_back(std::move(scratch));
}

void Dataset::gather(Split split, std::span<const uint32_t> records, size_t count,
                     const BatchWriter& writer, GatherScratch& scratch) const {
  state_->map_records(split, records, scratch.records);
  state_->store->gather(part_of(split), count, writer, scratch);
}

size_t Dataset::records_ahead() const {
  return state_->store->records_ahead();
}

const std::vector<uint32_t>& Dataset::block_starts(Split split) const {
  return state_->block_starts[static_cast<size_t>(split)];
}

BlockLease Dataset::lease(Split split, uint64_t block) const {
  return state_->store->lease(part_of(split), block);
}

void Dataset::copy_runs(Split split, std::span<const uint32_t> records,
                        std::span<const BlockRun> runs, size_t first, const BatchWriter& writer,
                        GatherScratch& scratch) const {
  state_->map_records(split, records, scratch.records);
  state_->store->copy_runs(part_of(split), runs, first, writer, scratch);
}

bool Dataset::fits_in_memory() const {
  return state_->store->cache().all_fit();
}

size_t Dataset::blocks_at_once() const {
  return state_->blocks_at_once;
}

}  // namespace podium::io
