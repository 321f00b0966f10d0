// Admission: which requests a service accepts, in which order they wait for a replica, and when one
// that is turned away may come again. Pure: no sockets; the clock is the caller's.
//
// Accepted requests are limited in number and bytes. When they are too many, the one whose turn
// (turns.hpp) would come last is turned away: the newcomer, or one that waits. A request that a
// replica has already got is never turned away. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/clock.hpp"
#include "serve/balancer/turns.hpp"
#include "serve/balancer/waiting_line.hpp"

namespace podium::serve {

// How many requests are answered per second, of late: an exponential average over some seconds.
class DrainRate {
 public:
  void answered(SteadyClock::time_point now);
  bool known() const { return first_.has_value(); }
  // 0 before the first answer.
  double per_second(SteadyClock::time_point now) const;

 private:
  double decayed(SteadyClock::time_point now) const;

  double count_ = 0;  // of answers, those of long ago forgotten
  std::optional<SteadyClock::time_point> first_;
  SteadyClock::time_point last_{};
};

class Admission {
 public:
  // At most so many requests, with so many bytes together, each answered within `patience`.
  Admission(size_t most, size_t most_bytes, std::chrono::milliseconds patience)
      : most_(most), most_bytes_(most_bytes), patience_(patience) {}

  struct Verdict {
    bool admitted = false;
    std::optional<uint64_t> instead;  // the id of a waiting request that must go for it
  };
  Verdict ask(uint8_t priority, size_t bytes) const;

  // Counts an accepted request and gives it its turn.
  uint64_t accept(uint8_t priority, size_t bytes);
  // An accepted request is over; `served` when a replica answered it.
  void end(size_t bytes, bool served, SteadyClock::time_point now);

  // Those that wait for a replica.
  WaitingLine& waiting() { return waiting_; }
  const WaitingLine& waiting() const { return waiting_; }

  size_t accepted() const { return accepted_; }
  size_t bytes() const { return bytes_; }

  // Whole seconds, 1 or more, until what is accepted now will be answered: at the rate of late, and
  // at most the time in which every request is answered.
  int retry_after_s(SteadyClock::time_point now) const;

 private:
  bool fits(size_t requests, size_t bytes) const {
    return requests <= most_ && bytes <= most_bytes_;
  }

  size_t most_;
  size_t most_bytes_;
  std::chrono::milliseconds patience_;
  Turns turns_;
  WaitingLine waiting_;
  size_t accepted_ = 0;
  size_t bytes_ = 0;
  DrainRate rate_;
};

}  // namespace podium::serve
