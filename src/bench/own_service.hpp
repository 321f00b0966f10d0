// OwnService: a service of the benchmark's own that serves one model, and what it costs.
//
// The service's thread is one of this process; its replicas are children.
#pragma once

#include <string>
#include <vector>

#include "bench/load/load.hpp"
#include "bench/serve_bench.hpp"
#include "serve/service.hpp"

namespace podium::bench {

// Processor time since the start of a process, in seconds.
struct CpuTimes {
  double process = 0;   // this one
  double replicas = 0;  // all replicas
};

class OwnService {
 public:
  // Serves `model` by `replicas` processes. Throws unavailable_error when it cannot.
  OwnService(const ServeBenchOptions& options, const ServedModel& model, int replicas,
             int max_batch);

  int port() const { return service_.port(); }
  CpuTimes cpu() const;

  // Requests for images of the model, of a kind: "json" or "binary".
  LoadTarget target(const std::string& kind) const;

 private:
  const ServedModel model_;
  const int images_;
  const std::string name_;
  const std::string certificate_;  // of its TLS; empty: none
  serve::Service service_;
};

}  // namespace podium::bench
