#include "comm/simulated/step.hpp"

#include <mpi.h>

#include <algorithm>
#include <charconv>

#include "comm/simulated/simulated_time.hpp"
#include "core/error.hpp"

namespace podium::comm {
namespace {

void wait_until(double moment) {
  let_time_pass(moment - MPI_Wtime());
}

}  // namespace

std::vector<SimulatedBucket> parse_buckets(const std::string& text) {
  std::vector<SimulatedBucket> buckets;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    SimulatedBucket bucket;
    const auto bytes = std::from_chars(at, end, bucket.bytes);
    const bool has_time = bytes.ec == std::errc() && bytes.ptr != end && *bytes.ptr == '@';
    const auto ready =
        has_time ? std::from_chars(bytes.ptr + 1, end, bucket.ready_s) : std::from_chars_result{};
    at = ready.ptr;
    if (!has_time || ready.ec != std::errc() || bucket.bytes % sizeof(float) != 0 ||
        bucket.ready_s < 0 || (at != end && *at++ != ',')) {
      throw usage_error("'" + text + "' are no buckets", "--buckets",
                        "write BYTES@SECONDS with commas between them");
    }
    buckets.push_back(bucket);
  }
  return buckets;
}

SimulatedStep run_step(SumAlgorithm& algorithm, Watch& watch, std::span<float> values,
                       std::span<const SimulatedBucket> buckets, double compute_s) {
  const double start = MPI_Wtime();
  uint64_t number = 0;
  for (const SimulatedBucket& bucket : buckets) {
    wait_until(start + bucket.ready_s);
    const Elements some = elements(values.first(bucket.bytes / sizeof(float)));
    watch.start({++number, some, WireType::fp32, "gradients"}, algorithm.name());
    algorithm.run({some.data, some}, watch);
  }
  wait_until(start + compute_s);
  const double step_s = MPI_Wtime() - start;
  return {step_s, std::max(0.0, step_s - compute_s)};
}

}  // namespace podium::comm
