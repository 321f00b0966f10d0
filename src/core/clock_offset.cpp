#include "core/clock_offset.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium {

ClockOffset estimate_offset(std::span<const RoundTrip> trips) {
  require(!trips.empty(), "an offset comes from a round trip", "estimate_offset");
  const RoundTrip& best = *std::ranges::min_element(
      trips, {}, [](const RoundTrip& trip) { return trip.received_ns - trip.sent_ns; });
  const int64_t half_ns = (best.received_ns - best.sent_ns + 1) / 2;
  const int64_t middle_ns = best.sent_ns + half_ns;
  return {middle_ns, middle_ns - best.answered_ns, half_ns};
}

int64_t on_rank_0(std::span<const ClockOffset> offsets, int64_t ns) {
  require(!offsets.empty(), "a time is moved by an offset", "on_rank_0");
  const auto after = std::ranges::upper_bound(offsets, ns, {}, &ClockOffset::at_ns);
  if (after == offsets.begin()) return ns - offsets.front().offset_ns;
  if (after == offsets.end()) return ns - offsets.back().offset_ns;
  const ClockOffset& before = *(after - 1);
  const double share =
      static_cast<double>(ns - before.at_ns) / static_cast<double>(after->at_ns - before.at_ns);
  const double drift = static_cast<double>(after->offset_ns - before.offset_ns);
  return ns - before.offset_ns - static_cast<int64_t>(share * drift);
}

}  // namespace podium
