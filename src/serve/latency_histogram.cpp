#include "serve/latency_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace podium::serve {

void LatencyHistogram::record(double milliseconds) {
  const double us = std::max(1.0, milliseconds * 1e3);
  const double position = std::log2(us) * static_cast<double>(buckets_per_octave);
  const auto bucket = static_cast<size_t>(std::min(position, double(buckets_.size() - 1)));
  ++buckets_[bucket];
  ++count_;
}

double LatencyHistogram::percentile(double q) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<int64_t>(std::ceil(q * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    // The upper edge of the bucket: no recorded duration of this share is longer.
    if (seen >= rank) return std::exp2(double(i + 1) / double(buckets_per_octave)) * 1e-3;
  }
  return std::exp2(double(octaves)) * 1e-3;
}

}  // namespace podium::serve
