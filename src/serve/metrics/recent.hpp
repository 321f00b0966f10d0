// Recent: what was answered in the last ten seconds, by slices of one second. Used by one thread.
#pragma once

#include <array>
#include <cstdint>

#include "core/clock.hpp"
#include "serve/latency_histogram.hpp"

namespace podium::serve {

class Recent {
 public:
  static constexpr int slices = 10;
  using Time = SteadyClock::time_point;

  struct View {
    double seconds = 0;  // that it covers: ten, or fewer soon after the start
    int64_t answers = 0;
    int64_t failed = 0;
    double p50_ms = 0;
    double p99_ms = 0;
    double batch_images = 0;  // mean over the answers that were computed

    double per_second() const { return seconds > 0 ? double(answers) / seconds : 0; }
  };

  explicit Recent(Time start) : start_(start) {}

  // `batch_images` 0: none was computed for this answer.
  void record(Time now, double milliseconds, bool failed, uint32_t batch_images);
  View view(Time now) const;

 private:
  struct Slice {
    int64_t second = -1;  // since the start
    LatencyHistogram latency;
    int64_t failed = 0;
    int64_t computed = 0;
    int64_t batch_images = 0;
  };

  int64_t second_of(Time now) const;

  Time start_;
  std::array<Slice, slices> slices_;
};

}  // namespace podium::serve
