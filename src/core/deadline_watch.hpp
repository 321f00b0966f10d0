// DeadlineWatch: a call on a thread of its own when a time has come.
//
// Threads: the handler runs once, on the watch's thread, and may lock and log. The destructor ends
// a watch whose time has not come.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "core/clock.hpp"

namespace podium {

class DeadlineWatch {
 public:
  // Calls `handler` once `since` has reached `seconds`; never when that is empty.
  DeadlineWatch(std::optional<double> seconds, const Stopwatch& since,
                std::function<void()> handler);
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

 private:
  void watch(double seconds);

  std::function<void()> handler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses what is above
};

}  // namespace podium
