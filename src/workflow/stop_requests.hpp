// StopRequests: how often a job was told to end. The first time it ends in good order, the second
// time at once.
//
// A launcher may pass one and the same signal on by two ways: what follows within `echo` is no
// second request. Any thread may ask and look.
#pragma once

#include <atomic>
#include <chrono>

#include "core/clock.hpp"

namespace podium::workflow {

class StopRequests {
 public:
  static constexpr std::chrono::milliseconds echo{500};

  // Called by one thread.
  void add(SteadyClock::time_point now = SteadyClock::now()) {
    if (!stop_) first_ = now;
    if (stop_ && now - first_ > echo) at_once_ = true;
    stop_ = true;
  }

  const std::atomic<bool>& stop() const { return stop_; }
  const std::atomic<bool>& at_once() const { return at_once_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> at_once_{false};
  SteadyClock::time_point first_{};
};

}  // namespace podium::workflow
