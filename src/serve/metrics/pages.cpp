#include "serve/metrics/pages.hpp"

#include <functional>
#include <nlohmann/json.hpp>

#include "serve/metrics/exposition.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::ordered_json;
using State = ReplicaStats::State;

const char* to_string(State state) {
  if (state == State::ready) return "ready";
  return state == State::starting ? "starting" : "down";
}

class MetricsPage {
 public:
  explicit MetricsPage(const ServiceView& view) : view_(view) {}

  std::string text() {
    triton();
    requests();
    histograms();
    replicas();
    feedback();
    service();
    return page_.take();
  }

 private:
  // One sample a version.
  void by_version(const char* name, const char* help,
                  const std::function<double(const ModelStats&)>& value) {
    page_.family(name, "counter", help);
    for (const ModelStats& stats : view_.versions) {
      const std::string version = std::to_string(stats.version);
      page_.sample(value(stats), {{"model", view_.model}, {"version", version}});
    }
  }

  static double us(const CostSum& sum) { return static_cast<double>(sum.ns / 1000); }

  void triton() {
    by_version("nv_inference_request_success", "Requests answered 200",
               [](const ModelStats& stats) { return stats.success.count; });
    by_version("nv_inference_request_failure", "Requests that failed",
               [](const ModelStats& stats) { return stats.fail.count; });
    by_version("nv_inference_count", "Images classified",
               [](const ModelStats& stats) { return double(stats.inferences); });
    by_version("nv_inference_exec_count", "Batches computed",
               [](const ModelStats& stats) { return stats.executions; });
    by_version("nv_inference_request_duration_us", "Time of requests, from read to answered",
               [](const ModelStats& stats) { return us(stats.success) + us(stats.fail); });
    by_version("nv_inference_queue_duration_us", "Time that requests waited for their batch",
               [](const ModelStats& stats) { return us(stats.queue); });
    by_version("nv_inference_compute_input_duration_us", "Time of parsing requests",
               [](const ModelStats& stats) { return us(stats.input); });
    by_version("nv_inference_compute_infer_duration_us", "Time of requests' batches in the model",
               [](const ModelStats& stats) { return us(stats.infer); });
    by_version("nv_inference_compute_output_duration_us", "Time of wording replies",
               [](const ModelStats& stats) { return us(stats.output); });
    page_.family("nv_inference_pending_request_count", "gauge", "Requests accepted, unanswered");
    page_.sample(double(view_.stats.in_flight),
                 {{"model", view_.model}, {"version", std::to_string(view_.stats.version)}});
  }

  void requests() {
    page_.family("podium_requests_total", "counter", "Predictions answered, by status");
    for (const auto& [status, count] : view_.meters.statuses()) {
      page_.sample(double(count), {{"status", std::to_string(status)}});
    }
    page_.family("podium_requests_rejected_total", "counter", "Requests turned away, by reason");
    for (const auto& [reason, count] : view_.meters.rejections()) {
      page_.sample(double(count), {{"reason", reason}});
    }
    counter("podium_requests_retried_total", "Requests sent again because a replica died",
            view_.stats.retried);
    const Recent::View recent = view_.meters.all().recent.view(view_.now);
    page_.family("podium_recent_request_seconds", "gauge",
                 "Quantiles of request times in the last ten seconds");
    page_.sample(recent.p50_ms * 1e-3, {{"quantile", "0.5"}});
    page_.sample(recent.p99_ms * 1e-3, {{"quantile", "0.99"}});
    gauge("podium_recent_requests_per_second", "Answers in the last ten seconds, per second",
          recent.per_second());
  }

  void histogram(const std::string& name, const char* help, BoundedCounts MeterSet::*counts) {
    page_.family("podium_" + name, "histogram", help);
    page_.histogram(view_.meters.all().*counts);
    page_.family("podium_replica_" + name, "histogram", std::string(help) + ", by replica");
    const std::vector<MeterSet>& replicas = view_.meters.replicas();
    for (size_t i = 0; i < replicas.size(); ++i) {
      page_.histogram(replicas[i].*counts, {{"replica", name_of(i)}});
    }
  }

  void histograms() {
    histogram("request_seconds", "Time of requests, from read to answered", &MeterSet::seconds);
    histogram("queue_seconds", "Time that requests waited for their batch", &MeterSet::queue);
    histogram("batch_images", "Images of the batch that computed each request", &MeterSet::batch);
  }

  // One sample a replica.
  void by_replica(const char* name, const char* type, const char* help,
                  const std::function<double(size_t)>& value) {
    page_.family(name, type, help);
    for (size_t i = 0; i < view_.stats.replicas.size(); ++i) {
      page_.sample(value(i), {{"replica", name_of(i)}});
    }
  }

  void replicas() {
    const std::vector<ReplicaStats>& all = view_.stats.replicas;
    by_replica("podium_replica_up", "gauge", "1: a process runs, or will be started again",
               [&](size_t i) { return all[i].state == State::down ? 0 : 1; });
    by_replica("podium_replica_ready", "gauge", "1: takes requests",
               [&](size_t i) { return all[i].state == State::ready ? 1 : 0; });
    by_replica("podium_replica_version", "gauge", "Version served; 0: none",
               [&](size_t i) { return all[i].version; });
    by_replica("podium_replica_in_flight", "gauge", "Requests sent to the replica, unanswered",
               [&](size_t i) { return double(all[i].in_flight); });
    by_replica("podium_replica_requests_total", "counter", "Requests sent to the replica",
               [&](size_t i) { return double(all[i].requests); });
    by_replica("podium_replica_restarts_total", "counter", "Times the replica was started again",
               [&](size_t i) { return double(all[i].restarts); });
    by_replica("podium_replica_cpu_seconds", "gauge", "Processor time of the replica's process",
               [&](size_t i) { return view_.replica_cpu_s.at(i); });
  }

  void feedback() {
    const FeedbackStats& stats = view_.stats.feedback;
    page_.family("podium_feedback_total", "counter", "Feedback to answers, by what came of it");
    page_.sample(double(stats.accepted), {{"result", "accepted"}});
    page_.sample(double(stats.refused), {{"result", "refused"}});
    page_.sample(double(stats.turned_away), {{"result", "turned_away"}});
    page_.family("podium_feedback_reward_total", "counter", "Rewards of accepted feedback, in all");
    page_.sample(stats.rewards);
  }

  void service() {
    gauge("podium_ready", "1: the service takes requests", view_.ready ? 1 : 0);
    gauge("podium_version", "Version served; 0: none", view_.stats.version);
    counter("podium_swaps_total", "Deployments that replaced a version", view_.stats.swaps);
    gauge("podium_swap_seconds_most", "The longest swap of all replicas",
          view_.stats.swap_ms * 1e-3);
    gauge("podium_connections", "Open connections", double(view_.connections));
    gauge("podium_uptime_seconds", "Since the start", view_.meters.uptime_s(view_.now));
    page_.family("podium_service_cpu_seconds_total", "counter",
                 "Processor time of the service's thread");
    page_.sample(view_.cpu_s);
  }

  void gauge(const char* name, const char* help, double value) {
    page_.family(name, "gauge", help);
    page_.sample(value);
  }
  void counter(const char* name, const char* help, int64_t value) {
    page_.family(name, "counter", help);
    page_.sample(double(value));
  }

  std::string name_of(size_t replica) const { return view_.stats.replicas[replica].name; }

  const ServiceView& view_;
  Exposition page_;
};

Json recent_json(const MeterSet& meters, Recent::Time now) {
  const Recent::View recent = meters.recent.view(now);
  return {{"per_s", recent.per_second()},
          {"failed", recent.failed},
          {"p50_ms", recent.p50_ms},
          {"p99_ms", recent.p99_ms},
          {"batch_images", recent.batch_images}};
}

}  // namespace

std::string metrics_text(const ServiceView& view) {
  return MetricsPage(view).text();
}

std::string service_stats_body(const ServiceView& view) {
  const LatencyHistogram& latency = view.meters.all().latency;
  Json replicas = Json::array();
  for (size_t i = 0; i < view.stats.replicas.size(); ++i) {
    const ReplicaStats& replica = view.stats.replicas[i];
    Json entry = {{"name", replica.name},
                  {"state", to_string(replica.state)},
                  {"pid", replica.pid},
                  {"version", replica.version},
                  {"in_flight", replica.in_flight},
                  {"requests", replica.requests},
                  {"restarts", replica.restarts}};
    if (i < view.meters.replicas().size()) {
      const MeterSet& meters = view.meters.replicas()[i];
      entry["failed"] = meters.failed;
      entry["recent"] = recent_json(meters, view.now);
    }
    replicas.push_back(std::move(entry));
  }
  return Json{{"model", view.model},
              {"version", view.stats.version},
              {"state", view.draining ? "draining"
                        : view.ready  ? "ready"
                                      : "not ready"},
              {"uptime_s", view.meters.uptime_s(view.now)},
              {"requests", view.stats.requests},
              {"failed", view.stats.failed},
              {"rejected", view.stats.rejected},
              {"retried", view.stats.retried},
              {"restarts", view.stats.restarts},
              {"swaps", view.stats.swaps},
              {"in_flight", view.stats.in_flight},
              {"waiting", view.stats.waiting},
              {"connections", view.connections},
              {"p50_ms", latency.percentile(0.5)},
              {"p99_ms", latency.percentile(0.99)},
              {"recent", recent_json(view.meters.all(), view.now)},
              {"replicas", std::move(replicas)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace podium::serve
