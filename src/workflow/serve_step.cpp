#include "workflow/serve_step.hpp"

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "ckpt/registry.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/signals.hpp"
#include "workflow/replica_worker.hpp"

namespace podium::workflow {
namespace {

constexpr std::chrono::milliseconds registry_poll{500};

// Deploys the registry's current version if it is newer than `*deployed`. A version that cannot be
// deployed is reported once; the one before it goes on serving.
void take_newest(const Settings& settings, const ckpt::Registry& registry, serve::Service& service,
                 int* deployed, const Log& log) {
  const std::optional<ckpt::Registry::Version> current = registry.current();
  if (!current || current->number <= *deployed) return;
  const serve::DeployResult result =
      service.deploy(current->path.string(), current->number, settings.comm_timeout);
  const bool first = *deployed == 0;
  *deployed = current->number;
  if (result.deployed) {
    log.info("serve: version " + std::to_string(current->number) + " (" + current->name +
             ") answers");
  } else if (first) {
    throw unavailable_error("the published model cannot be served: " + result.error,
                            current->path.string(), "publish another model");
  } else {
    log.error("version " + std::to_string(current->number) +
              " cannot be served, the one before it goes on: " + result.error);
  }
}

void require_published(const ckpt::Registry& registry) {
  if (registry.current()) return;
  throw unavailable_error("no model is published", registry.folder().string(),
                          "train one and run podium select, with the same run.dir");
}

}  // namespace

serve::ServiceOptions service_options_of(const Settings& settings, int index) {
  serve::ServiceOptions options = settings.service;
  if (options.port != 0) options.port += index;
  if (index > 0) options.replica_prefix = "replica-" + std::to_string(index) + "-";
  options.replica_arguments = replica_worker_arguments(options.model_name, settings.device);
  return options;
}

std::string address_of(const Settings& settings, const serve::Service& service) {
  const std::string& host = settings.service.address;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(service.port());
}

nlohmann::ordered_json to_json(const serve::ServiceStats& stats) {
  return {{"requests", stats.requests}, {"failed", stats.failed},    {"p50_ms", stats.p50_ms},
          {"p99_ms", stats.p99_ms},     {"swaps", stats.swaps},      {"rejected", stats.rejected},
          {"retried", stats.retried},   {"restarts", stats.restarts}};
}

nlohmann::ordered_json serve_from_registry(const Settings& settings, comm::Communicator& group,
                                           const Log& log) {
  std::atomic<bool> stop{false};
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&stop](int) { stop = true; });
  const ckpt::Registry registry(settings.registry_dir());
  require_published(registry);
  serve::Service service(service_options_of(settings, group.rank()), log);
  int deployed = 0;
  take_newest(settings, registry, service, &deployed, log);
  log.info("serving on http://" + address_of(settings, service) + "/v2/models/" +
           settings.service.model_name);

  const bool forever = settings.linger_forever || settings.linger.count() == 0;
  const Deadline end(settings.linger);
  const Stopwatch watch;
  double polled_ms = 0;
  std::string complaint;  // the last one, told once
  Backoff backoff(Backoff::Kind::idle);
  while (!stop && (forever || !end.expired())) {
    backoff.pause();
    if (watch.milliseconds() - polled_ms < static_cast<double>(registry_poll.count())) continue;
    polled_ms = watch.milliseconds();
    try {
      take_newest(settings, registry, service, &deployed, log);
    } catch (const Error& error) {  // the registry is unreadable: what serves goes on
      if (complaint != error.what()) log.error(complaint = error.what());
    }
  }
  if (!service.drain(settings.drain)) {
    log.warning("some requests were not answered within --serve.drain_s");
  }
  return to_json(service.stats());
}

}  // namespace podium::workflow
