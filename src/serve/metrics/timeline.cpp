#include "serve/metrics/timeline.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace podium::serve {
namespace {

using namespace std::chrono_literals;

constexpr size_t most_untaken = 4096;

}  // namespace

void Timeline::happened(nlohmann::ordered_json event, std::chrono::nanoseconds ago) {
  using Clock = std::chrono::system_clock;
  const auto at = Clock::now() - std::chrono::duration_cast<Clock::duration>(ago);
  const std::lock_guard lock(mutex_);
  if (happenings_.size() == most_untaken) happenings_.pop_front();
  happenings_.push_back({at, std::move(event)});
}

// A tick may come a little early.
void Timeline::tick(const State& state, Time now, bool at_once) {
  if (!at_once && now - began_ + tick_length / 2 < interval_at(now - start_)) return;
  const int64_t requests = state.requests - before_.requests;
  const int64_t rejected = state.rejected - before_.rejected;
  if (requests > 0 || rejected > 0) {
    happened({{"event", "service"},
              {"seconds", std::chrono::duration<double>(now - began_).count()},
              {"requests", requests},
              {"failed", state.failed - before_.failed},
              {"rejected", rejected},
              {"p50_ms", latency_.percentile(0.5)},
              {"p99_ms", latency_.percentile(0.99)},
              {"latencies", latency_.wide_buckets()},
              {"queued", state.waiting},
              {"replicas", state.replicas}});
    latency_.clear();
  }
  before_ = state;
  began_ = now;
}

std::vector<Happening> Timeline::take() {
  const std::lock_guard lock(mutex_);
  std::vector<Happening> taken(std::make_move_iterator(happenings_.begin()),
                               std::make_move_iterator(happenings_.end()));
  happenings_.clear();
  return taken;
}

std::chrono::nanoseconds Timeline::interval_at(std::chrono::nanoseconds age) {
  return std::clamp<std::chrono::nanoseconds>(age / 600, tick_length, 60s);
}

}  // namespace podium::serve
