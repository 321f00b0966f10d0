// Restarts: when a process that died is started again: after a pause that doubles with each death
// of the last minute; after the fifth not at all.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "core/clock.hpp"

namespace podium {

class Restarts {
 public:
  using Time = SteadyClock::time_point;

  // When to start it again; empty: it is left down.
  std::optional<Time> died(Time now) {
    while (!deaths_.empty() && now - deaths_.front() > std::chrono::minutes(1)) deaths_.pop_front();
    deaths_.push_back(now);
    if (deaths_.size() >= most_deaths) return {};
    return now + first_pause * (1 << (deaths_.size() - 1));
  }

 private:
  static constexpr size_t most_deaths = 5;
  static constexpr std::chrono::milliseconds first_pause{100};

  std::deque<Time> deaths_;  // of the last minute
};

}  // namespace podium
