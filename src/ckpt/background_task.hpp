// BackgroundTask: one piece of work at a time on a thread of its own.
//
// Threads: belongs to one thread; what the task uses is the task's until it has ended. The
// destructor waits for it.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>

namespace podium::ckpt {

class BackgroundTask {
 public:
  // REQUIRES: no task is under way, and the outcome of the last one was taken.
  void start(std::function<void()> work);

  // True from start() until the outcome is taken.
  bool started() const { return outcome_.valid(); }

  // Waits up to `limit` for the end of a task under way; false if that does not come.
  bool ends_within(std::chrono::milliseconds limit) const;

  // What the task failed of, or nothing. REQUIRES: started, and it has ended.
  std::optional<std::string> take_outcome();

 private:
  std::future<void> outcome_;
};

}  // namespace podium::ckpt
