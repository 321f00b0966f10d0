// Health: whether a replica still answers, and whether its model still gets on.
//
// At every tick the service sends each replica a ping, which the thread that reads frames answers;
// the answer says for how long the model has been at its present piece of a batch. Whatever comes
// from a replica is a sign of life. A replica is given up
// - when the ticks of `silence`, at least `ticks_of_silence`, brought nothing from it, so within
// that
//   time and never before 4/5 of it. Ticks are counted, not time: a service that was itself held up
//   finds the answers waiting in its sockets. For each `patience_bytes` of bodies that the replica
//   has yet to answer it gets a second more, for they are read before the ping;
// - when its model has been at one piece for `stuck`;
// - when nothing at all came from a new process for `start_limit`.
// Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace podium::serve {

struct HealthLimits {
  std::chrono::milliseconds silence{2'000};  // 0: neither is watched
  std::chrono::milliseconds stuck{5'000};    // 0: not watched
};

class Pulse {
 public:
  static constexpr int ticks_of_silence = 5;
  static constexpr size_t patience_bytes = size_t{32} << 20;
  static constexpr std::chrono::milliseconds start_limit{30'000};

  static std::chrono::milliseconds tick_of(const HealthLimits& limits);

  void heard() {
    met_ = true;
    silent_ = 0;
  }
  // Whether it was ever heard.
  bool met() const { return met_; }
  // One tick has passed. What is wrong with the replica that holds `bytes` of bodies; empty:
  // nothing.
  std::string tick(const HealthLimits& limits, size_t bytes);

 private:
  bool met_ = false;  // anything came from it
  int silent_ = 0;    // ticks since it was last heard
};

// What is wrong with a replica whose model has been at one piece for `busy`; empty: nothing.
std::string stuck(const HealthLimits& limits, std::chrono::milliseconds busy);

}  // namespace podium::serve
