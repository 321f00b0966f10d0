#include "train/ps_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/text.hpp"

namespace podium::train {
namespace {

using Json = nlohmann::ordered_json;

void add(PsReport& sum, const ps::WorkerReport& told, size_t trainers) {
  sum.bytes_pushed += told.bytes_sent;
  sum.bytes_pulled += told.bytes_received;
  sum.saved_keys += told.bytes_saved_keys;
  sum.saved_encoding += told.bytes_saved_encoding;
  sum.saved_significance += told.bytes_saved_significance;
  sum.resent += told.resent;
  sum.failovers += told.failovers;
  sum.wait_s += told.waited_s / static_cast<double>(trainers);
  sum.staleness.resize(std::max(sum.staleness.size(), told.staleness.size()));
  std::ranges::transform(told.staleness, sum.staleness, sum.staleness.begin(), std::plus<>());
}

Json to_json(const CrewReport& crew) {
  return {{"trainers", crew.trainers},
          {"deaths", crew.deaths},
          {"restarts", crew.restarts},
          {"left_down", crew.left_down},
          {"leases_handed_on", crew.leases_handed_on},
          {"images_handed_on", crew.images_handed_on},
          {"images_repeated", crew.images_repeated}};
}

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) * 1e-6;
}

}  // namespace

double PsReport::mean_staleness() const {
  uint64_t pulls = 0;
  uint64_t sum = 0;
  for (size_t age = 0; age < staleness.size(); ++age) {
    pulls += staleness[age];
    sum += age * staleness[age];
  }
  return pulls == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(pulls);
}

size_t PsReport::most_staleness() const {
  size_t most = 0;
  for (size_t age = 0; age < staleness.size(); ++age) {
    if (staleness[age] > 0) most = age;
  }
  return most;
}

const char* name_of(ps::Consistency consistency) {
  switch (consistency) {
    case ps::Consistency::bsp:
      return "bsp";
    case ps::Consistency::ssp:
      return "ssp";
    case ps::Consistency::asp:
      return "asp";
  }
  return "";
}

Json to_json(const ps::WorkerReport& told) {
  return {{"pushed", told.bytes_sent},
          {"pulled", told.bytes_received},
          {"keys", told.bytes_saved_keys},
          {"encoding", told.bytes_saved_encoding},
          {"significance", told.bytes_saved_significance},
          {"resent", told.resent},
          {"failovers", told.failovers},
          {"waited_s", told.waited_s},
          {"staleness", told.staleness}};
}

ps::WorkerReport worker_report_from_json(const Json& json) {
  ps::WorkerReport told;
  told.bytes_sent = json.at("pushed");
  told.bytes_received = json.at("pulled");
  told.bytes_saved_keys = json.at("keys");
  told.bytes_saved_encoding = json.at("encoding");
  told.bytes_saved_significance = json.at("significance");
  told.resent = json.at("resent");
  told.failovers = json.at("failovers");
  told.waited_s = json.at("waited_s");
  told.staleness = json.at("staleness").get<std::vector<uint64_t>>();
  return told;
}

void add(ps::WorkerReport& sum, const ps::WorkerReport& more) {
  sum.bytes_sent += more.bytes_sent;
  sum.bytes_received += more.bytes_received;
  sum.bytes_saved_keys += more.bytes_saved_keys;
  sum.bytes_saved_encoding += more.bytes_saved_encoding;
  sum.bytes_saved_significance += more.bytes_saved_significance;
  sum.resent += more.resent;
  sum.failovers += more.failovers;
  sum.waited_s += more.waited_s;
  sum.staleness.resize(std::max(sum.staleness.size(), more.staleness.size()));
  std::ranges::transform(more.staleness, sum.staleness, sum.staleness.begin(), std::plus<>());
}

// All go by what the first has added up, so that reports of several trainers are equal.
PsReport share_report(const ps::WorkerReport& mine, const ps::GroupOptions& options, int restarts,
                      comm::Communicator& group) {
  const std::vector<std::string> texts = comm::gather_texts(group, to_json(mine).dump(), 0);
  Json all = Json::array();
  for (const std::string& text : texts) all.push_back(Json::parse(text));
  all = Json::parse(
      comm::broadcast_text(group, Json{{"told", all}, {"restarts", restarts}}.dump(), 0));
  PsReport report;
  report.servers = options.servers;
  report.replicas = options.replicas;
  report.consistency = options.consistency;
  report.bound = options.staleness;
  report.restarts = all.at("restarts");
  for (const Json& each : all.at("told")) {
    add(report, worker_report_from_json(each), all.at("told").size());
  }
  return report;
}

Json to_json(const PsReport& report) {
  const bool bounded = report.consistency == ps::Consistency::ssp;
  Json json = {{"consistency", name_of(report.consistency)},
               {"staleness_bound", bounded ? Json(report.bound) : Json()},
               {"servers", report.servers},
               {"replicas", report.replicas},
               {"bytes_pushed", report.bytes_pushed},
               {"bytes_pulled", report.bytes_pulled},
               {"bytes_saved",
                {{"keys", report.saved_keys},
                 {"encoding", report.saved_encoding},
                 {"significance", report.saved_significance}}},
               {"staleness", report.staleness},
               {"staleness_mean", report.mean_staleness()},
               {"staleness_max", report.most_staleness()},
               {"wait_s", report.wait_s},
               {"resent", report.resent},
               {"failovers", report.failovers},
               {"server_restarts", report.restarts}};
  if (report.crew) json["crew"] = to_json(*report.crew);
  return json;
}

std::string to_text(const PsReport& report) {
  std::string text = format(
      "%s by %d servers: %.1f MB pushed, %.1f MB pulled, %.1f MB saved, staleness %.2f on average "
      "and %zu at most, %.1f s waited",
      name_of(report.consistency), report.servers, megabytes(report.bytes_pushed),
      megabytes(report.bytes_pulled), megabytes(report.bytes_saved()), report.mean_staleness(),
      report.most_staleness(), report.wait_s);
  if (report.failovers > 0 || report.restarts > 0) {
    text += format(", %llu changes to a backup, %d servers restarted",
                   static_cast<unsigned long long>(report.failovers), report.restarts);
  }
  if (report.crew && report.crew->deaths > 0) {
    const auto number = [](uint64_t count) { return static_cast<unsigned long long>(count); };
    text += format(
        ", %llu deaths of trainers, %llu restarts, %llu leases handed on, at most %llu images "
        "seen twice",
        number(report.crew->deaths), number(report.crew->restarts),
        number(report.crew->leases_handed_on), number(report.crew->images_repeated));
  }
  return text;
}

}  // namespace podium::train
