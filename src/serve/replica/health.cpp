#include "serve/replica/health.hpp"

#include <algorithm>

namespace podium::serve {

using std::chrono::milliseconds;

milliseconds Pulse::tick_of(const HealthLimits& limits) {
  constexpr milliseconds longest{500};  // there is more to be done at a tick
  if (limits.silence.count() == 0) return longest;
  return std::clamp(limits.silence / ticks_of_silence, milliseconds(1), longest);
}

std::string Pulse::tick(const HealthLimits& limits, size_t bytes) {
  const milliseconds tick = tick_of(limits);
  ++silent_;
  const milliseconds more(bytes * 1000 / patience_bytes);
  const milliseconds within = std::max(limits.silence / tick, int64_t{ticks_of_silence}) * tick;
  const milliseconds limit = met_ ? within + more : start_limit;
  if (limits.silence.count() > 0 && silent_ * tick >= limit) {
    return "it has not answered for " + std::to_string((silent_ * tick).count()) + " ms";
  }
  return {};
}

std::string stuck(const HealthLimits& limits, milliseconds busy) {
  if (limits.stuck.count() == 0 || busy < limits.stuck) return {};
  return "its model has been at one piece of work for " + std::to_string(busy.count()) + " ms";
}

}  // namespace podium::serve
