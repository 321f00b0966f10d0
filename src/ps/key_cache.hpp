// KeyCache: the keys of sparse messages by their hash, so that they need not travel again. The
// oldest go when there are more than `capacity` of them, or more than `max_keys` in all.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace podium::ps {

class KeyCache {
 public:
  static constexpr size_t capacity = 64;
  static constexpr size_t max_keys = size_t{1} << 24;

  // Null: not remembered.
  const std::vector<uint32_t>* find(uint64_t hash) const {
    for (const Entry& entry : entries_) {
      if (entry.hash == hash) return &entry.keys;
    }
    return nullptr;
  }

  void put(uint64_t hash, std::span<const uint32_t> keys) {
    if (find(hash) != nullptr || keys.size() > max_keys) return;
    while (!entries_.empty() && (entries_.size() >= capacity || total_ + keys.size() > max_keys)) {
      total_ -= entries_.front().keys.size();
      entries_.pop_front();
    }
    entries_.push_back({hash, std::vector<uint32_t>(keys.begin(), keys.end())});
    total_ += keys.size();
  }

 private:
  struct Entry {
    uint64_t hash = 0;
    std::vector<uint32_t> keys;
  };
  std::deque<Entry> entries_;
  size_t total_ = 0;
};

}  // namespace podium::ps
