// Spin: a wait that asks again and again for some microseconds before it sleeps, because an answer
// that is on its way comes sooner than a thread wakes.
//
// It only spins while a core is free for that: whoever else wants the core gets it between two
// questions, and a turn that comes back late ends the spinning. Spinning that found nothing several
// times in a row is left out for a while.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/clock.hpp"

namespace podium::ps {

class Spin {
 public:
  explicit Spin(std::chrono::microseconds longest) : longest_(longest) {}

  // Asks `found` until it says yes: true; or it is time to sleep: false.
  template <typename Found>
  bool until(Found found) {
    if (longest_.count() == 0) return false;
    if (pauses_ > 0) {
      --pauses_;
      return false;
    }
    auto now = SteadyClock::now();
    const auto end = now + longest_;
    while (now < end) {
      if (found()) {
        misses_ = 0;
        return true;
      }
      const auto before = now;
      ::sched_yield();
      now = SteadyClock::now();
      if (now - before > late) break;
    }
    if (++misses_ >= patient_misses) pauses_ = 1U << std::min(misses_, most_misses);
    return false;
  }

 private:
  static constexpr std::chrono::microseconds late{20};
  static constexpr uint32_t patient_misses = 3;
  static constexpr uint32_t most_misses = 6;

  std::chrono::microseconds longest_;
  uint32_t misses_ = 0;  // in a row
  uint32_t pauses_ = 0;  // waits that sleep at once
};

}  // namespace podium::ps
