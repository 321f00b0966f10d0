#include "serve/metrics/recent.hpp"

#include <algorithm>

namespace podium::serve {

int64_t Recent::second_of(Time now) const {
  return std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
}

void Recent::record(Time now, double milliseconds, bool failed, uint32_t batch_images) {
  const int64_t second = second_of(now);
  Slice& slice = slices_[static_cast<size_t>(second % slices)];
  if (slice.second != second) {
    slice.latency.clear();
    slice = {second, std::move(slice.latency), 0, 0, 0};
  }
  slice.latency.record(milliseconds);
  slice.failed += failed ? 1 : 0;
  slice.computed += batch_images > 0 ? 1 : 0;
  slice.batch_images += batch_images;
}

Recent::View Recent::view(Time now) const {
  const int64_t second = second_of(now);
  View view;
  LatencyHistogram latency;
  int64_t computed = 0;
  int64_t batch_images = 0;
  for (const Slice& slice : slices_) {
    if (slice.second < 0 || slice.second <= second - slices) continue;
    latency.add(slice.latency);
    view.failed += slice.failed;
    computed += slice.computed;
    batch_images += slice.batch_images;
  }
  // The second that has only begun counts for as much of it as there was.
  const double since = std::chrono::duration<double>(now - start_).count();
  view.seconds = std::min(since, since - double(second) + slices - 1);
  view.answers = latency.count();
  view.p50_ms = latency.percentile(0.5);
  view.p99_ms = latency.percentile(0.99);
  view.batch_images = computed > 0 ? double(batch_images) / double(computed) : 0;
  return view;
}

}  // namespace podium::serve
