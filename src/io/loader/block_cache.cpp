#include "io/loader/block_cache.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "io/loader/block_memory.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes read_timeout{10};
constexpr double megabyte = 1e6;

uint64_t total_bytes(const BlockSource& source) {
  uint64_t bytes = 0;
  for (uint64_t block = 0; block < source.blocks(); ++block) bytes += source.bytes(block);
  return bytes;
}

}  // namespace

// Counts what is held, so that the budget can be checked.
struct BlockCache::Memory {
  explicit Memory(uint64_t arena_bytes) : arena(arena_bytes) {}

  void add(uint64_t bytes) {
    const uint64_t now = held.fetch_add(bytes) + bytes;
    uint64_t before = peak.load();
    while (before < now && !peak.compare_exchange_weak(before, now)) {
    }
  }

  BlockArena arena;
  std::atomic<uint64_t> held{0};
  std::atomic<uint64_t> peak{0};
};

namespace detail {

class CachedBlock {
 public:
  enum class State { reading, ready, failed };

  explicit CachedBlock(std::atomic<uint64_t>& held) : held_(held) {}
  ~CachedBlock() { held_.fetch_sub(bytes); }
  CachedBlock(const CachedBlock&) = delete;
  CachedBlock& operator=(const CachedBlock&) = delete;

  BlockMemory memory;  // written by the reading thread before the state changes
  uint64_t bytes = 0;  // held by `memory`
  double seconds = 0;  // that the read took

  // Guarded by the cache's mutex.
  State state = State::reading;
  std::exception_ptr failure;

 private:
  std::atomic<uint64_t>& held_;
};

}  // namespace detail

double CacheStatistics::seconds_saved() const {
  if (bytes_read == 0) return 0;
  return static_cast<double>(bytes_hit) * miss_seconds / static_cast<double>(bytes_read);
}

std::string CacheStatistics::text() const {
  const double touches = static_cast<double>(std::max<uint64_t>(hits + misses, 1));
  std::array<char, 200> line{};
  std::snprintf(line.data(), line.size(),
                "%llu hits, %llu misses (%.1f %% hits), %llu evictions, %.1f MB read in %.2f s, "
                "%.2f s saved, %.1f MB in memory",
                static_cast<unsigned long long>(hits), static_cast<unsigned long long>(misses),
                100.0 * static_cast<double>(hits) / touches,
                static_cast<unsigned long long>(evictions),
                static_cast<double>(bytes_read) / megabyte, miss_seconds, seconds_saved(),
                static_cast<double>(bytes_resident) / megabyte);
  return line.data();
}

CacheStatistics& CacheStatistics::operator+=(const CacheStatistics& other) {
  hits += other.hits;
  misses += other.misses;
  evictions += other.evictions;
  bytes_hit += other.bytes_hit;
  bytes_read += other.bytes_read;
  bytes_resident += other.bytes_resident;
  peak_bytes += other.peak_bytes;
  miss_seconds += other.miss_seconds;
  return *this;
}

BlockCache::BlockCache(const BlockSource& source, const BlockCacheOptions& options)
    : source_(source), options_(options) {
  const uint64_t total = total_bytes(source);
  all_fit_ = total <= options.budget_bytes;
  settles_ = all_fit_ || options.policy == CachePolicy::pin;
  const uint64_t passing = std::min(options.passing_bytes, options.budget_bytes);
  const uint64_t capacity = options.budget_bytes - (all_fit_ ? 0 : passing);
  memory_ = std::make_unique<Memory>(settles_ ? std::min(total, capacity) : 0);
  replacement_ = make_replacement(options.policy, capacity);
  grow();
}

BlockCache::~BlockCache() = default;

void BlockCache::grow() {
  require((total_bytes(source_) <= options_.budget_bytes) == all_fit_,
          "a cache grows within what it was made for", "BlockCache::grow");
  const uint64_t blocks = source_.blocks();
  auto settled = std::make_unique<std::atomic<const uint8_t*>[]>(blocks);
  for (uint64_t block = 0; block < blocks_; ++block) settled[block] = settled_[block].load();
  settled_ = std::move(settled);
  blocks_ = blocks;
  const std::lock_guard lock(mutex_);
  entries_.resize(blocks);
}

BlockLease BlockCache::acquire(uint64_t block, uint64_t needed_bytes) const {
  require(block < blocks_, "a block is one of its source", "BlockCache::acquire");
  if (const uint8_t* data = find(block)) {
    touch(1, needed_bytes);
    return {data, nullptr};
  }
  std::unique_lock lock(mutex_);
  if (std::shared_ptr<Block> present = entries_[block].present.lock()) {
    touch(1, needed_bytes);
    if (entries_[block].kept) replacement_->touch(block);
    if (!read_finished_.wait_for(lock, read_timeout,
                                 [&] { return present->state != Block::State::reading; })) {
      throw internal_error("another thread has read a block for 10 minutes",
                           "block " + std::to_string(block), "check the cache's file system");
    }
    if (present->failure) std::rethrow_exception(present->failure);
    return {present->memory.data, present};
  }
  std::vector<std::shared_ptr<Block>> victims;
  bool kept = false;
  const std::shared_ptr<Block> read = begin_read(block, victims, kept);
  lock.unlock();
  victims.clear();  // frees their memory before more is taken
  try {
    const uint64_t bytes = source_.bytes(block);
    read->memory = memory_->arena.allocate(bytes);
    read->bytes = bytes;
    memory_->add(bytes);
    const Stopwatch watch;
    source_.read(block, {read->memory.data, bytes});
    read->seconds = watch.seconds();
  } catch (...) {
    read->failure = std::current_exception();
    fail_read(block, read, kept);
    throw;
  }
  finish_read(block, read, kept);
  return {read->memory.data, read};
}

// Under mutex_: makes `block` known as being read, and takes out what leaves for it.
std::shared_ptr<BlockCache::Block> BlockCache::begin_read(
    uint64_t block, std::vector<std::shared_ptr<Block>>& victims, bool& kept) const {
  auto read = std::make_shared<Block>(memory_->held);
  std::vector<uint64_t> leaving;
  kept = replacement_->admit(block, source_.bytes(block), leaving);
  for (const uint64_t victim : leaving) victims.push_back(std::move(entries_[victim].kept));
  if (kept) entries_[block].kept = read;
  entries_[block].present = read;
  ++counts_.misses;
  counts_.evictions += leaving.size();
  return read;
}

void BlockCache::finish_read(uint64_t block, const std::shared_ptr<Block>& read, bool kept) const {
  {
    const std::lock_guard lock(mutex_);
    read->state = Block::State::ready;
    counts_.bytes_read += read->bytes;
    counts_.miss_seconds += read->seconds;
    if (kept && settles_) settled_[block].store(read->memory.data, std::memory_order_release);
  }
  read_finished_.notify_all();
}

void BlockCache::fail_read(uint64_t block, const std::shared_ptr<Block>& read, bool kept) const {
  {
    const std::lock_guard lock(mutex_);
    read->state = Block::State::failed;
    // The block may have left meanwhile, for another one.
    if (kept && entries_[block].kept == read) {
      replacement_->forget(block);
      entries_[block].kept.reset();
    }
    entries_[block].present.reset();
  }
  read_finished_.notify_all();
}

CacheStatistics BlockCache::statistics() const {
  CacheStatistics statistics;
  {
    const std::lock_guard lock(mutex_);
    statistics = counts_;
  }
  statistics.hits = hits_.load(std::memory_order_relaxed);
  statistics.bytes_hit = bytes_hit_.load(std::memory_order_relaxed);
  statistics.bytes_resident = memory_->held.load();
  statistics.peak_bytes = memory_->peak.load();
  return statistics;
}

}  // namespace podium::io
