// Time: stopwatches, deadlines, and the back-off that lets a waiting rank sleep.
#pragma once

#include <chrono>
#include <cstdint>

namespace podium {

using SteadyClock = std::chrono::steady_clock;

// Measures elapsed wall time since construction or restart(). Monotonic.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(SteadyClock::now() - start_).count();
  }
  double milliseconds() const { return seconds() * 1e3; }
  void restart() { start_ = SteadyClock::now(); }

 private:
  SteadyClock::time_point start_ = SteadyClock::now();
};

// A point in time after which a wait has failed.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds limit) : end_(SteadyClock::now() + limit) {}

  bool expired() const { return SteadyClock::now() >= end_; }

 private:
  SteadyClock::time_point end_;
};

// How a polling wait spends the time between polls.
//   hot:  spins, then yields, then sleeps up to 50 us: for peers inside one collective.
//   idle: sleeps from 50 us up to 2 ms: for a rank that has nothing to do. Close to no CPU.
class Backoff {
 public:
  enum class Kind { hot, idle };
  explicit Backoff(Kind kind) : kind_(kind) {}

  void pause();
  void reset() { rounds_ = 0; }

 private:
  Kind kind_;
  uint32_t rounds_ = 0;
};

}  // namespace podium
