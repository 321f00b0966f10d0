// WaitingLine: requests that wait for a replica, in the order of their turns (turns.hpp).
//
// While a version is on trial each side of it has a queue of its own, so that requests for a side
// that is busy are not looked at when a seat of the other one becomes free. Pure; used by one
// thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "serve/balancer/balancer.hpp"

namespace podium::serve {

class WaitingLine {
 public:
  struct Entry {
    uint64_t id = 0;
    size_t bytes = 0;
  };
  using Queue = std::map<uint64_t, Entry>;  // by turn

  void add(Side side, uint64_t turn, const Entry& entry) { of(side)[turn] = entry; }
  // Nothing happens when nobody waits with this turn.
  void remove(uint64_t turn) {
    for (Queue& queue : queues_) queue.erase(turn);
  }

  Queue& of(Side side) { return queues_.at(static_cast<size_t>(side)); }
  bool empty() const { return size() == 0; }
  size_t size() const { return queues_[0].size() + queues_[1].size(); }

  // Whoever comes first or last of all. REQUIRES: somebody waits.
  Queue::value_type first() const {
    const auto* queue = std::ranges::min_element(queues_, {}, [](const Queue& waiting) {
      return waiting.empty() ? UINT64_MAX : waiting.begin()->first;
    });
    return *queue->begin();
  }
  Queue::value_type last() const {
    const auto* queue = std::ranges::max_element(queues_, {}, [](const Queue& waiting) {
      return waiting.empty() ? 0 : waiting.rbegin()->first;
    });
    return *queue->rbegin();
  }

  // Sides have changed: `side_of` says for an id where it waits now.
  template <typename SideOf>
  void sort(SideOf side_of) {
    Queue all;
    for (Queue& queue : queues_) all.merge(queue);
    while (!all.empty()) {
      const Side side = side_of(all.begin()->second.id);
      of(side).insert(all.extract(all.begin()));
    }
  }

 private:
  std::array<Queue, 2> queues_;  // by side
};

}  // namespace podium::serve
