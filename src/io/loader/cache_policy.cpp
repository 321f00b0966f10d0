#include "io/loader/cache_policy.hpp"

#include <limits>
#include <list>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"

namespace podium::io {
namespace {

// Shares of the capacity that Johnson & Shasha recommend.
constexpr uint64_t first_touch_share = 4;  // one in four
constexpr uint64_t remembered_share = 2;   // one in two

// Blocks from the most to the least recently added or moved, with their bytes.
class BlockQueue {
 public:
  bool contains(uint64_t block) const { return places_.contains(block); }
  bool empty() const { return order_.empty(); }
  uint64_t bytes() const { return bytes_; }

  void push(uint64_t block, uint64_t bytes) {
    order_.push_front({block, bytes});
    places_[block] = order_.begin();
    bytes_ += bytes;
  }

  void move_to_front(uint64_t block) { order_.splice(order_.begin(), order_, places_.at(block)); }

  void remove(uint64_t block) {
    const auto place = places_.find(block);
    bytes_ -= place->second->bytes;
    order_.erase(place->second);
    places_.erase(place);
  }

  struct Item {
    uint64_t block;
    uint64_t bytes;
  };
  // REQUIRES: !empty().
  Item pop_back() {
    const Item last = order_.back();
    remove(last.block);
    return last;
  }

 private:
  std::list<Item> order_;
  std::unordered_map<uint64_t, std::list<Item>::iterator> places_;
  uint64_t bytes_ = 0;
};

class Pin : public Replacement {
 public:
  explicit Pin(uint64_t capacity) : left_(capacity) {}

  void touch(uint64_t) override {}

  bool admit(uint64_t block, uint64_t bytes, std::vector<uint64_t>&) override {
    if (bytes > left_) return false;
    left_ -= bytes;
    bytes_[block] = bytes;
    return true;
  }

  void forget(uint64_t block) override {
    const auto found = bytes_.find(block);
    left_ += found->second;
    bytes_.erase(found);
  }

 private:
  uint64_t left_;
  std::unordered_map<uint64_t, uint64_t> bytes_;
};

class Lru : public Replacement {
 public:
  explicit Lru(uint64_t capacity) : capacity_(capacity) {}

  void touch(uint64_t block) override { queue_.move_to_front(block); }

  bool admit(uint64_t block, uint64_t bytes, std::vector<uint64_t>& victims) override {
    if (bytes > capacity_) return false;
    while (queue_.bytes() + bytes > capacity_) victims.push_back(queue_.pop_back().block);
    queue_.push(block, bytes);
    return true;
  }

  void forget(uint64_t block) override { queue_.remove(block); }

 private:
  uint64_t capacity_;
  BlockQueue queue_;
};

// The names of the paper: A1in holds first touches, A1out remembers those that left it, Am is LRU.
class TwoQueue : public Replacement {
 public:
  explicit TwoQueue(uint64_t capacity) : capacity_(capacity) {}

  void touch(uint64_t block) override {
    if (am_.contains(block)) am_.move_to_front(block);
  }

  bool admit(uint64_t block, uint64_t bytes, std::vector<uint64_t>& victims) override {
    if (bytes > capacity_) return false;
    const bool comes_back = a1out_.contains(block);
    if (comes_back) a1out_.remove(block);
    while (a1in_.bytes() + am_.bytes() + bytes > capacity_) victims.push_back(reclaim());
    (comes_back ? am_ : a1in_).push(block, bytes);
    return true;
  }

  void forget(uint64_t block) override { (am_.contains(block) ? am_ : a1in_).remove(block); }

 private:
  uint64_t reclaim() {
    const bool from_first = am_.empty() || a1in_.bytes() > capacity_ / first_touch_share;
    if (!from_first || a1in_.empty()) return am_.pop_back().block;
    const auto [block, bytes] = a1in_.pop_back();
    a1out_.push(block, bytes);
    while (a1out_.bytes() > capacity_ / remembered_share) a1out_.pop_back();
    return block;
  }

  uint64_t capacity_;
  BlockQueue a1in_;
  BlockQueue a1out_;
  BlockQueue am_;
};

}  // namespace

const char* policy_name(CachePolicy policy) {
  switch (policy) {
    case CachePolicy::pin:
      return "pin";
    case CachePolicy::lru:
      return "lru";
    case CachePolicy::two_queue:
      return "2q";
  }
  return "?";
}

CachePolicy policy_from(std::string_view text, const std::string& key) {
  for (const CachePolicy policy : {CachePolicy::pin, CachePolicy::lru, CachePolicy::two_queue}) {
    if (text == policy_name(policy)) return policy;
  }
  throw usage_error("there is no cache policy '" + std::string(text) + "'", key,
                    "give pin, lru or 2q");
}

std::unique_ptr<Replacement> make_replacement(CachePolicy policy, uint64_t capacity_bytes) {
  switch (policy) {
    case CachePolicy::pin:
      return std::make_unique<Pin>(capacity_bytes);
    case CachePolicy::lru:
      return std::make_unique<Lru>(capacity_bytes);
    case CachePolicy::two_queue:
      return std::make_unique<TwoQueue>(capacity_bytes);
  }
  throw internal_error("an unknown cache policy", "make_replacement");
}

uint64_t optimal_hits(std::span<const uint64_t> trace, uint64_t capacity) {
  constexpr uint64_t never = std::numeric_limits<uint64_t>::max();
  std::vector<uint64_t> next_use(trace.size(), never);
  std::unordered_map<uint64_t, uint64_t> later;
  for (uint64_t at = trace.size(); at-- > 0;) {
    const auto [place, first] = later.try_emplace(trace[at], at);
    if (!first) next_use[at] = std::exchange(place->second, at);
  }
  std::set<uint64_t> kept;  // the next uses of the blocks that are kept
  uint64_t hits = 0;
  for (uint64_t at = 0; at < trace.size(); ++at) {
    hits += kept.erase(at);
    if (next_use[at] == never) continue;
    kept.insert(next_use[at]);
    if (kept.size() > capacity) kept.erase(std::prev(kept.end()));
  }
  return hits;
}

}  // namespace podium::io
