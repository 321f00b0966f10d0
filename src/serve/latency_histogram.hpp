// LatencyHistogram: counts of durations, in buckets no wider than 1/32 of their value.
//
// The buckets of HdrHistogram: those of each power of two are equally wide. From 1 ns to more than
// an hour in constant memory; percentiles are exact within one bucket. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace podium::serve {

class LatencyHistogram {
 public:
  void record(double milliseconds);
  void record_ns(uint64_t nanoseconds);
  void add(const LatencyHistogram& other);
  void clear();

  int64_t count() const { return count_; }
  double sum_ms() const { return static_cast<double>(sum_ns_) * 1e-6; }
  double most_ms() const { return static_cast<double>(most_ns_) * 1e-6; }

  // The duration in ms that a share `q` in (0,1] of all recorded ones does not exceed; 0 when
  // nothing was recorded.
  double percentile(double q) const;

  // The same in few, wide buckets: upper edge in ms and count, ascending, without the empty ones.
  // Edges are 1 and 1.5 times powers of two of nanoseconds.
  std::vector<std::pair<double, int64_t>> wide_buckets() const;

 private:
  std::vector<int64_t> buckets_;  // up to the last that counts something
  int64_t count_ = 0;
  uint64_t sum_ns_ = 0;
  uint64_t most_ns_ = 0;
};

}  // namespace podium::serve
