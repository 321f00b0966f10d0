// Pages: what a service tells about itself, for Prometheus and for `podium top`. Pure.
#pragma once

#include <string>
#include <vector>

#include "serve/metrics/meters.hpp"
#include "serve/protocol/model_stats.hpp"
#include "serve/service.hpp"

namespace podium::serve {

struct ServiceView {
  const std::string& model;
  const Meters& meters;
  ServiceStats stats = {};
  std::vector<ModelStats> versions = {};
  bool ready = false;
  bool draining = false;
  size_t connections = 0;
  double cpu_s = 0;                        // of the service's thread
  std::vector<double> replica_cpu_s = {};  // of each replica's process
  Recent::Time now = SteadyClock::now();
};

// GET /metrics: Prometheus' text format. The names nv_inference_* are Triton's, times in us.
std::string metrics_text(const ServiceView& view);

// GET /v2/stats: one JSON object (docs/serving.md).
std::string service_stats_body(const ServiceView& view);

}  // namespace podium::serve
