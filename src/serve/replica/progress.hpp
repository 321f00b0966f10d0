// Progress: how long a replica's computing thread has been at its present piece of work.
//
// One thread works; any thread asks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/clock.hpp"

namespace podium::serve {

class Progress {
 public:
  // Work is under way while one of these lives.
  class Working {
   public:
    explicit Working(Progress& progress) : progress_(progress) { progress_.step(); }
    ~Working() { progress_.since_ = idle; }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;

   private:
    Progress& progress_;
  };

  // The next piece begins.
  void step() { since_ = now(); }

  // 0 while there is no work.
  std::chrono::milliseconds busy() const {
    const int64_t since = since_;
    return std::chrono::milliseconds(since == idle ? 0 : now() - since);
  }

 private:
  static constexpr int64_t idle = -1;

  static int64_t now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               SteadyClock::now().time_since_epoch())
        .count();
  }

  std::atomic<int64_t> since_{idle};
};

}  // namespace podium::serve
