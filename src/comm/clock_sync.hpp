// How far the clocks of the machines of a job are from that of rank 0, by messages that go there
// and back (core/clock_offset.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "core/clock_offset.hpp"
#include "core/trace.hpp"

namespace podium::comm {

// A clock to measure: what it is called, equal where processes share it, and its time now.
struct ClockUnderTest {
  std::string domain = clock_domain();
  std::function<int64_t()> now_ns = trace_now_ns;
};

// The first rank of each clock other than that of rank 0 measures its own and returns it; the
// others return none. Collective; where all ranks share one clock, that they do is all that
// travels. The machines take turns, so that none disturbs another.
std::optional<ClockOffset> measure_clock(Communicator& group, const ClockUnderTest& clock = {});

}  // namespace podium::comm
