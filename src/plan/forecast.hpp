// Forecast: what one step takes on many ranks, from one rank's computing and a model of the
// network.
//
// Buckets travel one after the other, each when it is ready and the one before it has arrived,
// while the backward pass goes on at its own pace. What is still under way at its end is exposed.
// Real runs are slower: links are shared, ranks are not equally fast. Pure arithmetic.
#pragma once

#include <span>
#include <string>

#include "comm/allreduce/cost_model.hpp"
#include "plan/backward_schedule.hpp"

namespace podium::plan {

// What joins two nodes.
struct Link {
  double latency_s = 2.5e-6;
  double bytes_per_s = 12.5e9;
};

// The costs of sums over `shape`, where messages between nodes go over `link`; on one node they are
// typical ones.
comm::CostModel costs_over(const Link& link, const comm::Shape& shape);

struct StepForecast {
  double compute_s = 0;   // forward and backward pass, and the optimizer
  double exchange_s = 0;  // all buckets, one after the other
  double exposed_s = 0;   // of it, not hidden behind computing
  std::string algorithm;  // of the largest bucket
  double step_s() const { return compute_s + exposed_s; }
};

// `ranks` 1: nothing is exchanged.
StepForecast forecast(std::span<const ReadyBucket> buckets, double compute_s,
                      const comm::CostModel& costs);

}  // namespace podium::plan
