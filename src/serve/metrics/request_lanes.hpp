// RequestLanes: requests under way side by side, for a trace: spans of one lane never cross, so
// each request has a lane to itself from its arrival to its answer.
//
// There are few: of many requests at once only so many are traced, and each lane is bounded
// (core/trace.hpp), so that a trace of a busy service stays small. Off, a request costs one branch.
// Lives on the service's thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/span_names.hpp"
#include "core/trace.hpp"

namespace podium::serve {

class RequestLanes {
 public:
  static constexpr size_t lanes = 8;

  // A request that is traced, or not.
  struct Entry {
    size_t lane = lanes;
    int64_t begin_ns = 0;
  };

  // `tracer` outlives it; null: none is traced.
  explicit RequestLanes(Tracer* tracer) : tracer_(tracer && *tracer ? tracer : nullptr) {}

  Entry enter() {
    if (tracer_ == nullptr) return {};
    size_t lane = 0;
    while (lane < lanes && taken_[lane]) ++lane;
    if (lane == lanes) return {};
    taken_[lane] = true;
    if (!lanes_[lane]) lanes_[lane] = tracer_->lane("requests " + std::to_string(lane + 1));
    return {lane, trace_now_ns()};
  }

  void leave(const Entry& entry) {
    if (entry.lane == lanes) return;
    lanes_[entry.lane].add(spans::request, entry.begin_ns, trace_now_ns());
    taken_[entry.lane] = false;
  }

 private:
  Tracer* tracer_;
  std::array<Lane, lanes> lanes_;
  std::array<bool, lanes> taken_{};
};

}  // namespace podium::serve
