// What must hold of measured clocks, whoever the ranks are. All ranks of the check share one real
// clock, so that the truth is known: each is given one that is wrong by a shift and a drift.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "comm/barrier.hpp"
#include "comm/clock_sync.hpp"

namespace podium::comm::test {

// Of two ranks to a machine: machine 0 is right, the others are ahead or behind by seconds, and
// five and more microseconds a second too fast.
inline int64_t shown_by(int machine, int64_t true_ns) {
  constexpr int64_t second = 1'000'000'000;
  const int64_t shift_ns = (machine % 2 == 0 ? 1 : -1) * machine * 7 * second;
  return true_ns + shift_ns + true_ns / 200'000 * machine;
}

// At the start and at the end of some time: what happened in between lies, on rank 0's clock, where
// it was, as far as the stated error goes.
inline void check_clocks(Communicator& group) {
  const int machine = group.rank() / 2;
  const auto now = [machine] { return shown_by(machine, trace_now_ns()); };
  const ClockUnderTest clock{"machine " + std::to_string(machine), now};

  const int64_t begin_ns = trace_now_ns();
  const auto first = measure_clock(group, clock);
  barrier(group, group.policy());
  const int64_t event_ns = trace_now_ns();
  const int64_t event_here_ns = shown_by(machine, event_ns);
  barrier(group, group.policy());
  const auto last = measure_clock(group, clock);
  const int64_t end_ns = trace_now_ns();

  const bool measures = machine > 0 && group.rank() % 2 == 0;
  ASSERT_EQ(first.has_value(), measures);
  ASSERT_EQ(last.has_value(), measures);
  if (!measures) return;
  const std::vector<ClockOffset> offsets = {*first, *last};
  for (const ClockOffset& offset : offsets) {
    EXPECT_GE(offset.error_ns, 0);
    EXPECT_LE(offset.error_ns, end_ns - begin_ns);
  }
  constexpr int64_t rounding_ns = 2;
  const int64_t error_ns = std::max(first->error_ns, last->error_ns) + rounding_ns;
  EXPECT_LE(std::abs(on_rank_0(offsets, event_here_ns) - event_ns), error_ns);
  // Without the offsets it would be seconds off.
  EXPECT_GT(std::abs(event_here_ns - event_ns), error_ns);
}

}  // namespace podium::comm::test
