// ClockOffset: how far the clock of one machine is ahead of that of rank 0, from messages that went
// there and back (Cristian 1989), and the time there by both.
//
// While a message is away the other clock is read once. It was read somewhere in between, and half
// of the way is at most half a round trip from it: of several, the quickest says most.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace podium {

// What this clock showed less that of rank 0 at the same moment, and how far that may be wrong.
struct ClockOffset {
  int64_t at_ns = 0;  // by this clock
  int64_t offset_ns = 0;
  int64_t error_ns = 0;
};

// A message to rank 0 and its answer.
struct RoundTrip {
  int64_t sent_ns = 0;      // by this clock
  int64_t answered_ns = 0;  // by that of rank 0
  int64_t received_ns = 0;  // by this clock
};

// REQUIRES: there is one.
ClockOffset estimate_offset(std::span<const RoundTrip> trips);

// The time on rank 0's clock when this one showed `ns`. Between two offsets, in order of time, the
// clock is taken to have drifted evenly; before the first and after the last, not at all.
// REQUIRES: there is one.
int64_t on_rank_0(std::span<const ClockOffset> offsets, int64_t ns);

}  // namespace podium
