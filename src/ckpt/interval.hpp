// Interval: how often something is done in a training run: "500steps", "2epochs", "10min", "never".
//
// Pure values and functions.
#pragma once

#include <cstdint>
#include <string>

namespace podium::ckpt {

struct Interval {
  enum class Unit { never, steps, epochs, seconds };

  Unit unit = Unit::never;
  int64_t count = 0;  // above 0 unless never

  bool operator==(const Interval&) const = default;
};

// "10min", "2epochs", "500steps" or "never"; a time has s, min, h or d. Throws usage_error naming
// `key` for any other text.
Interval parse_interval(const std::string& text, const std::string& key);

// True if a multiple of the interval lies in (before, now]: epochs or steps that are finished.
// REQUIRES: it counts those. count > 0.
inline bool crosses(const Interval& interval, int64_t before, int64_t now) {
  return now / interval.count > before / interval.count;
}

}  // namespace podium::ckpt
