// Accounting: what a rank's (or an explorer's) time was spent on. The parts sum to the wall time.
#pragma once

#include <array>
#include <cstdint>

#include "core/clock.hpp"

namespace podium::learn {

enum class Spent : uint8_t {
  rollout,               // acting in environments
  wait_for_experiences,  // trainers
  wait_for_weights,      // explorers
  wait_for_room,         // explorers, on a full buffer or a bound on staleness
  train,
  transfer,  // moving weights or experiences
  other,
};
inline constexpr size_t spent_kinds = 7;

// A clock that is always on exactly one part. One thread.
class Accounting {
 public:
  Accounting();
  // From now on time is `what`. Returns what it was.
  Spent turn_to(Spent what);
  std::array<double, spent_kinds> seconds() const;  // up to now
  double wall_s() const;

 private:
  std::array<int64_t, spent_kinds> ns_{};
  Spent now_ = Spent::other;
  SteadyClock::time_point since_;
  SteadyClock::time_point begun_;
};

}  // namespace podium::learn
