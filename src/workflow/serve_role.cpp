#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/clock.hpp"
#include "io/loader/dataset.hpp"
#include "serve/metrics/timeline.hpp"
#include "serve/rank_door.hpp"
#include "workflow/front_door_test.hpp"
#include "workflow/join_step.hpp"
#include "workflow/role_parts.hpp"
#include "workflow/serve_step.hpp"
#include "workflow/weights_source.hpp"

namespace podium::workflow {
namespace {

// Where the replicas take a version from: the engine with the gate that the conductor chose, or the
// registry's file.
std::string source_of(const Json& order) {
  const std::string path = std::filesystem::absolute(order.at("path").get<std::string>());
  const auto engine = order.find("engine");
  if (engine == order.end() || engine->is_null()) return path;
  return to_text({order.value("gate", ""), engine->at("peers"), engine->at("secret"), path});
}

// Puts a published version into service and reports it. A version that fails is reported too: the
// one before it goes on serving.
void deploy(const Job& job, serve::Service& service, const Json& order) {
  const Stopwatch watch;
  const int version = order.at("version");
  serve::DeployResult result;
  result.deployed = service.stats().version == version;  // loaded already, as a client ordered
  if (!result.deployed) {
    result =
        service.deploy(source_of(order), version, job.settings.comm_timeout, &job.stops.stop());
  }
  Json event = {{"event", "deployed"},
                {"rank", job.rank()},
                {"version", version},
                {"name", order.at("name")},
                {"milliseconds", watch.milliseconds()}};
  if (!result.deployed) event["failed"] = result.error;
  job.tell_conductor(event);
}

// Sends the test split through the front door, as clients do.
void test(const Job& job, const serve::Service& service, const Json& order) {
  const io::Dataset dataset = io::Dataset::open(order.at("cache").get<std::string>(),
                                                {.memory_bytes = job.settings.cache_memory_bytes});
  const FrontDoorReport report = test_front_door(
      clients_over_http(address_of(job.settings, service), own_credentials(job.settings)),
      job.settings.service.model_name, dataset, job.settings.service.replicas, Share::all);
  job.tell_conductor({{"event", "front_door"},
                      {"report", to_json(report)},
                      {"probabilities", report.probabilities}});
}

void tell_happenings(const Job& job, serve::Service& service) {
  for (serve::Happening& happening : service.take_happenings()) {
    happening.event["rank"] = job.rank();
    job.tell_conductor(happening.event, happening.at);
  }
}

// The conductor's next order. What clients order meanwhile is done first.
Json next_order(const Job& job, serve::Service& service, const Log& log) {
  Backoff backoff(Backoff::Kind::idle);
  while (true) {
    if (std::optional<Json> order = job.control.try_receive(Mailbox::serve)) return *order;
    load_as_ordered(job.settings, service, job.stops.stop(), log);
    tell_happenings(job, service);
    backoff.pause();
  }
}

}  // namespace

void play_serve(const Job& job, const Log& log) {
  const std::vector<int>& ranks = job.layout.ranks(Role::serve);
  const auto index = std::ranges::find(ranks, job.rank()) - ranks.begin();
  serve::ServiceOptions options = service_options_of(job.settings, static_cast<int>(index));
  options.tracer = &job.tracer;
  options.rank = job.rank();
  serve::Service service(options, log);
  serve::RankDoor rank_door(service, job.requests, log);
  JoinInvitation(job.settings, static_cast<int>(index)).offer(job.settings, service);
  if (index == 0) tell_token(job.settings, log);
  job.tell_conductor({{"event", "serving"},
                      {"rank", job.rank()},
                      {"node", node_name()},
                      {"address", address_of(job.settings, service)}});
  while (true) {
    const Json order = next_order(job, service, log);
    if (order.at("order") == "drain") break;
    if (order.at("order") == "deploy") deploy(job, service, order);
    if (order.at("order") == "test") test(job, service, order);
  }
  service.drain(job.settings.drain, &job.stops.at_once());
  rank_door.end();
  tell_happenings(job, service);
  job.tell_conductor(
      {{"event", "drained"}, {"rank", job.rank()}, {"stats", to_json(service.stats())}});
}

}  // namespace podium::workflow
