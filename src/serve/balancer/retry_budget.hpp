// RetryBudget: how many requests may be sent again, so that deaths do not become a storm.
//
// Every request earns a fifth of a retry, kept up to `most_earned`; beside these there are
// `floor_burst` retries, which come back at `floor_per_s`, for a service with little traffic. A
// retry that the budget does not allow waits until it does. Pure; used by one thread.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/clock.hpp"

namespace podium::serve {

class RetryBudget {
 public:
  static constexpr double per_request = 0.2;
  static constexpr double most_earned = 1000;
  static constexpr double floor_burst = 100;
  static constexpr double floor_per_s = 50;

  void count_request() { earned_ = std::min(earned_ + per_request, most_earned); }

  // Takes one retry; false when there is none now.
  bool take(SteadyClock::time_point now = SteadyClock::now()) {
    const double seconds = std::chrono::duration<double>(now - refilled_).count();
    floor_ = std::min(floor_ + seconds * floor_per_s, floor_burst);
    refilled_ = now;
    double& purse = floor_ >= 1 ? floor_ : earned_;
    // A rounding error must not keep back the fifth fifth.
    if (purse < 1 - 1e-9) return false;
    purse -= 1;
    return true;
  }

 private:
  double earned_ = 0;
  double floor_ = floor_burst;
  SteadyClock::time_point refilled_ = SteadyClock::now();
};

}  // namespace podium::serve
