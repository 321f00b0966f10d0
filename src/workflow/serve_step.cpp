#include "workflow/serve_step.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "ckpt/engine/peers.hpp"
#include "ckpt/registry.hpp"
#include "comm/broadcast.hpp"
#include "core/clock.hpp"
#include "core/deadline_watch.hpp"
#include "core/error.hpp"
#include "core/signals.hpp"
#include "serve/http/token.hpp"
#include "serve/metrics/timeline.hpp"
#include "workflow/job_view.hpp"
#include "workflow/join_step.hpp"
#include "workflow/learner_link.hpp"
#include "workflow/replica_worker.hpp"
#include "workflow/stop_requests.hpp"
#include "workflow/weights_source.hpp"

namespace podium::workflow {
namespace {

constexpr std::chrono::milliseconds registry_poll{500};
// For a checkpoint rank to tell its version: no signal is heeded meanwhile.
constexpr std::chrono::milliseconds asking{5'000};

// A version, and where replicas take it from.
struct Published {
  int number = 0;
  std::string name;
  std::string source;
};

// What is current: in the registry, or in the checkpoint engine of the job to which this one joins,
// whose address may have changed.
std::optional<Published> published(const Settings& settings) {
  if (!settings.engine.join.empty()) {
    const WeightsSource source = read_engine_file(settings.engine.join);
    const uint64_t version = ckpt::engine::newest_version(
        {source.peers, source.secret, 0, 1,
         std::min<std::chrono::milliseconds>(settings.comm_timeout, asking)});
    if (version == 0) return {};
    return Published{static_cast<int>(version), "by the checkpoint engine", to_text(source)};
  }
  const auto current = ckpt::Registry(settings.registry_dir()).current();
  if (!current) return {};
  // Replicas of other jobs may have started in another folder.
  return Published{current->number, current->name,
                   std::filesystem::absolute(current->path).string()};
}

// The version of a number, 0: the newest. An engine has no older ones.
std::optional<Published> published(const Settings& settings, int number) {
  std::optional<Published> newest = published(settings);
  if (!newest || number == 0 || number == newest->number) return newest;
  if (!settings.engine.join.empty()) return {};
  const auto version = ckpt::Registry(settings.registry_dir()).version(number);
  if (!version) return {};
  return Published{number, version->name, std::filesystem::absolute(version->path).string()};
}

serve::LoadResult load_version(const Settings& settings, serve::Service& service, int number,
                               const std::atomic<bool>& stop, const Log& log) {
  const std::optional<Published> version = published(settings, number);
  if (!version && number == 0) return {404, "no model is published"};
  const std::string what = "version " + std::to_string(version ? version->number : number);
  if (!version) return {404, what + " is not published"};
  if (version->number == service.stats().version) return {};
  const serve::DeployResult result =
      service.load(version->source, version->number, settings.comm_timeout, &stop);
  if (result.deployed) {
    log.info("serve: " + what + " (" + version->name + ") answers, as a client ordered");
    return {};
  }
  if (stop) return {503, "the service ends"};
  log.error(what + ", which a client ordered, cannot be served: " + result.error);
  return {500, what + " cannot be loaded; the log of the service says why"};
}

// Deploys the current version if it is newer than `*deployed`, unless `stop` comes true. A version
// that cannot be deployed, or is rolled back from its trial, is reported once and not tried again;
// the one before it goes on serving.
void take_newest(const Settings& settings, serve::Service& service, int* deployed,
                 const std::atomic<bool>& stop, const Log& log) {
  const std::optional<Published> current = published(settings);
  if (!current || current->number <= *deployed) return;
  if (current->number == service.stats().version) {  // loaded, as a client ordered
    *deployed = current->number;
    return;
  }
  const serve::DeployResult result =
      service.deploy(current->source, current->number, settings.comm_timeout, &stop);
  const bool first = *deployed == 0;
  *deployed = current->number;
  if (result.deployed) {
    log.info("serve: version " + std::to_string(current->number) + " (" + current->name +
             ") answers");
  } else if (first) {
    throw unavailable_error("the published model cannot be served: " + result.error,
                            "version " + std::to_string(current->number), "publish another model");
  } else {
    log.error("version " + std::to_string(current->number) +
              " cannot be served, the one before it goes on: " + result.error);
  }
}

// In seconds; empty: forever.
std::optional<double> time_to_linger(const Settings& settings) {
  if (settings.linger_forever || settings.linger.count() == 0) return {};
  return std::chrono::duration<double>(settings.linger).count();
}

// Where the service of a rank tells its happenings. Collective.
class ServiceTeller {
 public:
  ServiceTeller(const Settings& settings, comm::Communicator& group, const Telling& telling)
      : rank_(group.rank()), metrics_(&telling.metrics) {
    const std::string job = comm::broadcast_text(group, telling.metrics.job(), 0);
    if (rank_ == 0) return;
    own_ = std::make_unique<MetricsLog>(settings.metrics_file(), telling.started, telling.log, job);
    metrics_ = own_.get();
  }

  void tell(serve::Service& service) {
    for (serve::Happening& happening : service.take_happenings()) {
      happening.event["rank"] = rank_;
      metrics_->write(std::move(happening.event), happening.at);
    }
  }

 private:
  int rank_;
  std::unique_ptr<MetricsLog> own_;
  MetricsLog* metrics_;
};

void require_published(const Settings& settings) {
  if (published(settings)) return;
  const bool joins = !settings.engine.join.empty();
  throw unavailable_error(
      "no model is published", (joins ? settings.engine.join : settings.registry_dir()).string(),
      joins ? "come again when one is" : "train one and run podium select, with the same run.dir");
}

}  // namespace

void load_as_ordered(const Settings& settings, serve::Service& service,
                     const std::atomic<bool>& stop, const Log& log) {
  const std::optional<serve::LoadOrder> order = service.take_load_order();
  if (!order) return;
  serve::LoadResult result;
  try {
    result = load_version(settings, service, order->version, stop, log);
  } catch (const Error& error) {
    log.error(std::string("a client's order to load a version failed: ") + error.what());
    result = {500, "the published versions cannot be read; the log of the service says why"};
  }
  service.finish_load(*order, result);
}

serve::ServiceOptions service_options_of(const Settings& settings, int index) {
  serve::ServiceOptions options = settings.service;
  if (options.port != 0) options.port += index;
  if (options.join_port > 0) options.join_port += index;
  if (index > 0) options.replica_prefix = "replica-" + std::to_string(index) + "-";
  if (!settings.token_file.empty()) options.token = serve::take_token(settings.token_file);
  options.replica_arguments = replica_worker_arguments(options.model_name, settings.device);
  return options;
}

std::string address_of(const Settings& settings, const serve::Service& service) {
  const std::string& host = settings.service.address;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(service.port());
}

std::string url_of(const Settings& settings, const std::string& address) {
  return (settings.service.tls_certificate.empty() ? "http://" : "https://") + address;
}

void tell_token(const Settings& settings, const Log& log) {
  if (settings.token_file.empty()) {
    log.warning("--serve.auth=off: whoever reaches the port is answered");
  } else {
    log.info("clients show the token in " + settings.token_file.string());
  }
}

serve::Credentials own_credentials(const Settings& settings) {
  serve::Credentials credentials;
  if (!settings.token_file.empty()) credentials.token = serve::read_token(settings.token_file);
  credentials.tls = !settings.service.tls_certificate.empty();
  credentials.trusted = settings.service.tls_certificate;
  credentials.any_name = true;
  return credentials;
}

nlohmann::ordered_json to_json(const serve::ServiceStats& stats) {
  return {{"requests", stats.requests},
          {"failed", stats.failed},
          {"p50_ms", stats.p50_ms},
          {"p99_ms", stats.p99_ms},
          {"swaps", stats.swaps},
          {"swap_ms", stats.swap_ms},
          {"rejected", stats.rejected},
          {"retried", stats.retried},
          {"restarts", stats.restarts},
          {"canaries", stats.canaries},
          {"rolled_back", stats.rolled_back},
          {"feedback", stats.feedback.accepted}};
}

nlohmann::ordered_json serve_from_registry(const Settings& settings, comm::Communicator& group,
                                           const Telling& telling) {
  const Log& log = telling.log;
  if (!settings.join_service.empty()) return serve_in_another_job(settings, group, log);
  StopRequests stops;
  std::atomic<bool> over{false};  // by a signal, or when the service has lingered
  const SignalWatch signals({SIGTERM, SIGINT, SIGUSR1}, [&](int) {
    stops.add();
    over = true;
  });
  require_published(settings);
  if (!settings.learner.empty() && group.size() > 1) {
    throw usage_error("several ranks would publish what one learns", "--serve.learner",
                      "serve with one rank");
  }
  ServiceTeller teller(settings, group, telling);
  serve::ServiceOptions options = service_options_of(settings, group.rank());
  const auto learner = make_learner_link(settings, log);
  options.feedback.sink = learner;
  options.tracer = &telling.tracer;
  options.rank = group.rank();
  serve::Service service(options, log);
  int deployed = 0;
  take_newest(settings, service, &deployed, over, log);
  JoinInvitation invitation(settings, group.rank());
  invitation.offer(settings, service);
  const bool standby = service.port() == 0;
  log.info(standby ? "standing by for port " + std::to_string(settings.service.port)
                   : "serving on " + url_of(settings, address_of(settings, service)) +
                         "/v2/models/" + settings.service.model_name);
  tell_token(settings, log);

  const Stopwatch watch;
  const DeadlineWatch lingering(time_to_linger(settings), watch, [&over] { over = true; });
  double polled_ms = 0;
  std::string complaint;  // the last one, told once
  Backoff backoff(Backoff::Kind::idle);
  while (!over) {
    backoff.pause();
    load_as_ordered(settings, service, over, log);
    teller.tell(service);
    if (watch.milliseconds() - polled_ms < static_cast<double>(registry_poll.count())) continue;
    polled_ms = watch.milliseconds();
    if (telling.board.drawn()) telling.board.line("serve", "serve", service_line(service.stats()));
    try {
      invitation.offer(settings, service);
      take_newest(settings, service, &deployed, over, log);
    } catch (const Error& error) {  // registry or engine cannot be read: what serves goes on
      if (complaint != error.what()) log.error(complaint = error.what());
    }
  }
  if (!service.drain(settings.drain, &stops.at_once())) {
    log.warning(stops.at_once() ? "told to end at once: some requests were not answered"
                                : "some requests were not answered within --serve.drain_s");
  }
  teller.tell(service);
  nlohmann::ordered_json stats = to_json(service.stats());
  if (learner) stats["learner"] = to_json(learner->stats());
  return stats;
}

}  // namespace podium::workflow
