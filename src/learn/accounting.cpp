#include "learn/accounting.hpp"

#include <utility>

namespace podium::learn {

namespace {

int64_t ns_of(SteadyClock::time_point when) {
  return std::chrono::nanoseconds(when.time_since_epoch()).count();
}

}  // namespace

Accounting::Accounting(bool keep_spans)
    : since_(SteadyClock::now()), begun_(since_), span_begun_(since_), keep_spans_(keep_spans) {}

Spent Accounting::turn_to(Spent what) {
  const auto now = SteadyClock::now();
  ns_[static_cast<size_t>(now_)] += std::chrono::nanoseconds(now - since_).count();
  if (keep_spans_ && what != now_) {
    spans_.push_back({now_, ns_of(span_begun_), ns_of(now)});
    span_begun_ = now;
  }
  since_ = now;
  return std::exchange(now_, what);
}

std::array<double, spent_kinds> Accounting::seconds() const {
  std::array<double, spent_kinds> seconds{};
  for (size_t i = 0; i < spent_kinds; ++i) seconds[i] = static_cast<double>(ns_[i]) * 1e-9;
  const std::chrono::duration<double> open = SteadyClock::now() - since_;
  seconds[static_cast<size_t>(now_)] += open.count();
  return seconds;
}

std::vector<SpentSpan> Accounting::take_spans() {
  return std::exchange(spans_, {});
}

double Accounting::wall_s() const {
  return std::chrono::duration<double>(SteadyClock::now() - begun_).count();
}

}  // namespace podium::learn
