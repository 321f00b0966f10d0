#include "learn/accounting.hpp"

#include <utility>

#include "core/span_names.hpp"

namespace podium::learn {

namespace {

int64_t ns_of(SteadyClock::time_point when) {
  return std::chrono::nanoseconds(when.time_since_epoch()).count();
}

// Null: what moves weights has names of its own there, and the rest has none.
const char* name_of(Spent what) {
  switch (what) {
    case Spent::rollout:
      return spans::rollout;
    case Spent::wait_for_experiences:
    case Spent::wait_for_weights:
    case Spent::wait_for_room:
      return spans::wait;
    case Spent::train:
      return spans::train;
    default:
      return nullptr;
  }
}

}  // namespace

Accounting::Accounting(bool keep_spans, Lane lane)
    : since_(SteadyClock::now()),
      begun_(since_),
      span_begun_(since_),
      keep_spans_(keep_spans),
      lane_(std::move(lane)) {}

Spent Accounting::turn_to(Spent what) {
  const auto now = SteadyClock::now();
  ns_[static_cast<size_t>(now_)] += std::chrono::nanoseconds(now - since_).count();
  if (what != now_) {
    const SpentSpan ended{now_, ns_of(span_begun_), ns_of(now)};
    if (keep_spans_) spans_.push_back(ended);
    if (name_of(now_) != nullptr) lane_.add(name_of(now_), ended.begin_ns, ended.end_ns);
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
