// Which blocks stay in memory: the policies of the memory cache.
//
//   pin  the first blocks that are read stay for good, later ones are never kept. Where each epoch
//        touches every block once, in whatever order, no policy hits more: what an epoch hits was
//        kept when it began, and no more is kept than fits (optimal_hits() counts it).
//   lru  the block that was not used for longest leaves. A cyclic scan larger than the capacity
//        hits nothing.
//   2q   Johnson & Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement
//        Algorithm", VLDB 1994: first touches wait in a queue (25 % of the capacity); a block that
//        comes back while it is remembered (for 50 % of the capacity) goes under LRU.
//
// Pure bookkeeping over block numbers and bytes. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace podium::io {

enum class CachePolicy { pin, lru, two_queue };

// "pin", "lru", "2q".
const char* policy_name(CachePolicy policy);

// Throws usage_error naming `key` for any other text.
CachePolicy policy_from(std::string_view text, const std::string& key);

class Replacement {
 public:
  virtual ~Replacement() = default;

  // A block that is kept was used.
  virtual void touch(uint64_t block) = 0;

  // `block`, which is not kept, is about to be read. True if it is kept from here on; the blocks
  // that leave for it are appended to `victims`.
  virtual bool admit(uint64_t block, uint64_t bytes, std::vector<uint64_t>& victims) = 0;

  // A kept block is gone, because it could not be read.
  virtual void forget(uint64_t block) = 0;
};

// Keeps at most `capacity_bytes` of blocks.
std::unique_ptr<Replacement> make_replacement(CachePolicy policy, uint64_t capacity_bytes);

// The most hits that any policy can have on `trace`, a sequence of block numbers, with room for
// `capacity` blocks: Belady's MIN (IBM Systems Journal 1966) extended by not keeping a block whose
// next use is the farthest. O(n log n).
uint64_t optimal_hits(std::span<const uint64_t> trace, uint64_t capacity);

}  // namespace podium::io
