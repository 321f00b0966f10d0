// Turns: the order of requests of different priority, so that none of them starves. Pure.
//
// A turn is a number; lower ones go first. A request gets its turn once, when it is accepted, and
// keeps it wherever it waits. Each level of priority moves it forward by a fixed number of
// requests: one that is a level more urgent overtakes at most `overtaken` requests that came before
// it. So however many urgent ones arrive, at most 8 levels x 32 of them pass the least urgent one.
#pragma once

#include <algorithm>
#include <cstdint>

namespace podium::serve {

class Turns {
 public:
  static constexpr uint64_t overtaken = 32;
  static constexpr uint8_t least_urgent = 9;   // greater numbers count as this
  static constexpr uint8_t usual_urgency = 5;  // what the default, priority 0, counts as

  static constexpr uint8_t urgency(uint8_t priority) {
    return priority == 0 ? usual_urgency : std::min(priority, least_urgent);
  }

  // The turn of a request that arrives now; no two are equal.
  uint64_t take(uint8_t priority) {
    const uint64_t turn = peek(priority);
    ++arrived_;
    return turn;
  }

  // What take() would give.
  uint64_t peek(uint8_t priority) const {
    const uint64_t level = urgency(priority);
    return (arrived_ + level * overtaken) * distinct + level;
  }

 private:
  static constexpr uint64_t distinct = 16;  // above every level

  uint64_t arrived_ = 0;
};

}  // namespace podium::serve
