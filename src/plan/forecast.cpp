#include "plan/forecast.hpp"

#include <algorithm>

namespace podium::plan {

comm::CostModel costs_over(const Link& link, const comm::Shape& shape) {
  comm::CostModel costs = comm::CostModel::typical(shape);
  if (shape.nodes == 1) return costs;
  const comm::Cost message{link.latency_s, 1 / link.bytes_per_s};
  for (const comm::Algorithm algorithm :
       {comm::Algorithm::ring, comm::Algorithm::halving, comm::Algorithm::tree}) {
    costs.set(algorithm, message);
  }
  if (shape.lanes > 1) costs.set(comm::Algorithm::hierarchical, message);
  return costs;
}

StepForecast forecast(std::span<const ReadyBucket> buckets, double compute_s,
                      const comm::CostModel& costs) {
  StepForecast step;
  step.compute_s = compute_s;
  step.algorithm = "none";
  if (costs.shape().ranks == 1) return step;
  double arrived = 0;
  size_t largest = 0;
  for (const ReadyBucket& bucket : buckets) {
    const comm::Algorithm algorithm = costs.fastest(bucket.bytes);
    const double seconds = costs.seconds(algorithm, bucket.bytes);
    step.exchange_s += seconds;
    arrived = std::max(arrived, bucket.ready_s) + seconds;
    if (bucket.bytes > largest) step.algorithm = comm::name_of(algorithm);
    largest = std::max(largest, bucket.bytes);
  }
  step.exposed_s = std::max(0.0, arrived - compute_s);
  return step;
}

}  // namespace podium::plan
