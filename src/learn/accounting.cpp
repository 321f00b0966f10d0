#include "learn/accounting.hpp"

#include <utility>

namespace podium::learn {

Accounting::Accounting() : since_(SteadyClock::now()), begun_(since_) {}

Spent Accounting::turn_to(Spent what) {
  const auto now = SteadyClock::now();
  ns_[static_cast<size_t>(now_)] += std::chrono::nanoseconds(now - since_).count();
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

double Accounting::wall_s() const {
  return std::chrono::duration<double>(SteadyClock::now() - begun_).count();
}

}  // namespace podium::learn
