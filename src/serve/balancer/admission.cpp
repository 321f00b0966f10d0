#include "serve/balancer/admission.hpp"

#include <algorithm>
#include <cmath>

namespace podium::serve {
namespace {

constexpr double memory_s = 5;  // of a rate

double seconds(SteadyClock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

double DrainRate::decayed(SteadyClock::time_point now) const {
  return count_ * std::exp(-std::max(0.0, seconds(now - last_)) / memory_s);
}

void DrainRate::answered(SteadyClock::time_point now) {
  if (!first_) first_ = last_ = now;
  count_ = decayed(now) + 1;
  last_ = now;
}

// While it is young, an average over `memory_s` is one over its age.
double DrainRate::per_second(SteadyClock::time_point now) const {
  if (!first_) return 0;
  const double age = std::max(seconds(now - *first_), 1e-3);
  return decayed(now) / (memory_s * (1 - std::exp(-age / memory_s)));
}

Admission::Verdict Admission::ask(uint8_t priority, size_t bytes) const {
  if (fits(accepted_ + 1, bytes_ + bytes)) return {true, {}};
  if (waiting_.empty()) return {};
  const auto [turn, last] = waiting_.last();
  if (turn < turns_.peek(priority) || !fits(accepted_, bytes_ - last.bytes + bytes)) return {};
  return {true, last.id};
}

uint64_t Admission::accept(uint8_t priority, size_t bytes) {
  ++accepted_;
  bytes_ += bytes;
  return turns_.take(priority);
}

void Admission::end(size_t bytes, bool served, SteadyClock::time_point now) {
  --accepted_;
  bytes_ -= bytes;
  if (served) rate_.answered(now);
}

int Admission::retry_after_s(SteadyClock::time_point now) const {
  const double most = std::chrono::duration<double>(patience_).count();
  const double rate = rate_.per_second(now);
  const double wait = rate_.known() ? static_cast<double>(accepted_) / rate : 0;
  return static_cast<int>(std::ceil(std::max(1.0, std::min(wait, most))));
}

}  // namespace podium::serve
