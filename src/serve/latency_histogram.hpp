// LatencyHistogram: counts of durations in buckets that grow by a factor of 2^(1/16), about 4 %.
//
// From 1 us to more than an hour in constant memory; percentiles are exact within one bucket. Used
// by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace podium::serve {

class LatencyHistogram {
 public:
  void record(double milliseconds);

  int64_t count() const { return count_; }

  // The duration in ms that a share `q` in (0,1] of all recorded ones does not exceed; 0 when
  // nothing was recorded.
  double percentile(double q) const;

 private:
  static constexpr size_t buckets_per_octave = 16;
  static constexpr size_t octaves = 32;  // 2^32 us = 71 minutes

  std::array<int64_t, buckets_per_octave * octaves> buckets_{};
  int64_t count_ = 0;
};

}  // namespace podium::serve
