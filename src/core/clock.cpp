#include "core/clock.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace podium {
namespace {

constexpr uint32_t spin_rounds = 200;
constexpr uint32_t yield_rounds = 2000;
constexpr int64_t hot_sleep_us = 50;
constexpr int64_t idle_first_us = 50;
constexpr int64_t idle_longest_us = 2000;

void sleep_us(int64_t us) {
  std::this_thread::sleep_for(std::chrono::microseconds(us));
}

}  // namespace

void Backoff::pause() {
  ++rounds_;
  if (kind_ == Kind::idle) {
    const int64_t doubled = idle_first_us << std::min<uint32_t>(rounds_ / 8, 6);
    sleep_us(std::min(doubled, idle_longest_us));
  } else if (rounds_ < spin_rounds) {
    __builtin_ia32_pause();
  } else if (rounds_ < yield_rounds) {
    sched_yield();
  } else {
    sleep_us(hot_sleep_us);
  }
}

}  // namespace podium
