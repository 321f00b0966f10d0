// Accounting: what a rank's (or an explorer's) time was spent on. The parts sum to the wall time.
// On demand it also keeps when, as spans for a picture, and records those that a trace has names
// for.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/clock.hpp"
#include "core/trace.hpp"

namespace podium::learn {

enum class Spent : uint8_t {
  rollout,               // acting in environments
  wait_for_experiences,  // trainers
  wait_for_weights,      // explorers
  wait_for_room,         // explorers, on a full buffer or a bound on staleness
  train,
  transfer,  // moving weights or experiences
  other,
};
inline constexpr size_t spent_kinds = 7;

// Of the steady clock, which all processes of a machine share.
struct SpentSpan {
  Spent what = Spent::other;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

// A clock that is always on exactly one part. One thread.
class Accounting {
 public:
  // `keep_spans`: for take_spans().
  explicit Accounting(bool keep_spans = false, Lane lane = {});
  // From now on time is `what`. Returns what it was.
  Spent turn_to(Spent what);
  std::array<double, spent_kinds> seconds() const;  // up to now
  double wall_s() const;
  const Lane& lane() const { return lane_; }
  // Those that have ended since this was last asked, in order.
  std::vector<SpentSpan> take_spans();

 private:
  std::array<int64_t, spent_kinds> ns_{};
  Spent now_ = Spent::other;
  SteadyClock::time_point since_;
  SteadyClock::time_point begun_;
  SteadyClock::time_point span_begun_;
  bool keep_spans_ = false;
  Lane lane_;
  std::vector<SpentSpan> spans_;
};

}  // namespace podium::learn
