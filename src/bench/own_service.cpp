#include "bench/own_service.hpp"

#include "core/cpu_time.hpp"
#include "core/error.hpp"

namespace podium::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;  // for replicas to load a model
constexpr int different_requests = 16;

serve::ServiceOptions service_options(const ServeBenchOptions& options, const ServedModel& model,
                                      int replicas, int max_batch) {
  serve::ServiceOptions service = options.service;
  service.address = "127.0.0.1";
  service.port = 0;
  service.replicas = replicas;
  if (max_batch > 0) service.max_batch = max_batch;
  service.replica_arguments = model.replica_arguments;
  return service;
}

}  // namespace

OwnService::OwnService(const ServeBenchOptions& options, const ServedModel& model, int replicas,
                       int max_batch)
    : model_(model),
      images_(options.images),
      name_(options.service.model_name),
      certificate_(options.service.tls_certificate),
      service_(service_options(options, model, replicas, max_batch), options.log) {
  const serve::DeployResult result = service_.deploy(model.path, 1, patience);
  if (result.deployed) return;
  throw unavailable_error("the model cannot be served: " + result.error, model.name,
                          "give another one");
}

CpuTimes OwnService::cpu() const {
  CpuTimes times{process_cpu_s(), 0};
  for (const serve::ReplicaStats& replica : service_.stats().replicas) {
    times.replicas += process_cpu_s(replica.pid);
  }
  return times;
}

LoadTarget OwnService::target(const std::string& kind) const {
  PostHeaders headers;
  headers.host = "127.0.0.1:" + std::to_string(port());
  headers.path = "/v2/models/" + name_ + "/infer";
  AskedImages images = model_.images;
  images.n = images_;
  LoadTarget target{"127.0.0.1", port(),
                    infer_requests(headers, images, kind == "binary", different_requests)};
  target.credentials.tls = !certificate_.empty();
  target.credentials.trusted = certificate_;
  target.credentials.any_name = true;
  return target;
}

}  // namespace podium::bench
