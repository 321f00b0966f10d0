// RecentIds: the latest `most` ids, so that what comes a second time is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_set>

namespace podium {

class RecentIds {
 public:
  explicit RecentIds(size_t most) : most_(most) {}

  // REQUIRES: it is not among them.
  void add(uint64_t id) {
    order_.push_back(id);
    known_.insert(id);
    if (order_.size() <= most_) return;
    known_.erase(order_.front());
    order_.pop_front();
  }

  bool contains(uint64_t id) const { return known_.contains(id); }
  const std::deque<uint64_t>& in_order() const { return order_; }  // the oldest first

 private:
  size_t most_;
  std::deque<uint64_t> order_;
  std::unordered_set<uint64_t> known_;
};

}  // namespace podium
