#include "serve/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace podium::serve {
namespace {

constexpr int fine_bits = 5;  // buckets of a power of two: 2^5
constexpr uint64_t fine = uint64_t{1} << fine_bits;
constexpr uint64_t longest_ns = (uint64_t{1} << 42) - 1;  // 73 minutes

// Below 2 * fine a bucket holds one value; above, `fine` of them share a power of two.
size_t bucket_of(uint64_t ns) {
  if (ns < 2 * fine) return ns;
  const int shift = std::bit_width(ns) - 1 - fine_bits;
  return static_cast<size_t>(shift) * fine + (ns >> shift);
}

// The largest value of a bucket.
uint64_t upper_edge(size_t bucket) {
  if (bucket < 2 * fine) return bucket;
  const auto shift = static_cast<int>(bucket / fine) - 1;
  return ((bucket % fine + fine + 1) << shift) - 1;
}

// Where the wide bucket that holds `ns` ends.
uint64_t wide_edge(uint64_t ns) {
  const uint64_t power = std::bit_floor(std::max<uint64_t>(ns, 2));
  return ns < power + power / 2 ? power + power / 2 : 2 * power;
}

}  // namespace

void LatencyHistogram::record(double milliseconds) {
  record_ns(static_cast<uint64_t>(std::llround(std::clamp(milliseconds * 1e6, 0.0, 1e15))));
}

void LatencyHistogram::record_ns(uint64_t nanoseconds) {
  const uint64_t ns = std::min(nanoseconds, longest_ns);
  const size_t bucket = bucket_of(ns);
  if (bucket >= buckets_.size()) buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  ++count_;
  sum_ns_ += ns;
  most_ns_ = std::max(most_ns_, ns);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  if (buckets_.size() < other.buckets_.size()) buckets_.resize(other.buckets_.size());
  for (size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  most_ns_ = std::max(most_ns_, other.most_ns_);
}

void LatencyHistogram::clear() {
  std::ranges::fill(buckets_, 0);
  count_ = 0;
  sum_ns_ = 0;
  most_ns_ = 0;
}

double LatencyHistogram::percentile(double q) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<int64_t>(std::ceil(q * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    // The upper edge of the bucket: no recorded duration of this share is longer.
    if (seen >= rank) return static_cast<double>(std::min(upper_edge(i), most_ns_)) * 1e-6;
  }
  return most_ms();
}

std::vector<std::pair<double, int64_t>> LatencyHistogram::wide_buckets() const {
  std::vector<std::pair<double, int64_t>> wide;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    if (buckets_[bucket] == 0) continue;
    const double edge = static_cast<double>(wide_edge(upper_edge(bucket))) * 1e-6;
    if (wide.empty() || wide.back().first != edge) wide.emplace_back(edge, 0);
    wide.back().second += buckets_[bucket];
  }
  return wide;
}

}  // namespace podium::serve
