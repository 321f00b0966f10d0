#include "train/ps_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "comm/broadcast.hpp"
#include "comm/gather.hpp"
#include "core/text.hpp"

namespace podium::train {
namespace {

using Json = nlohmann::ordered_json;

// What travels from each trainer to the first.
Json told(const ps::WorkerReport& mine) {
  return {{"pushed", mine.bytes_sent},
          {"pulled", mine.bytes_received},
          {"keys", mine.bytes_saved_keys},
          {"encoding", mine.bytes_saved_encoding},
          {"significance", mine.bytes_saved_significance},
          {"resent", mine.resent},
          {"failovers", mine.failovers},
          {"waited_s", mine.waited_s},
          {"staleness", mine.staleness}};
}

void add(PsReport& sum, const Json& told, size_t trainers) {
  const auto whole = [&told](const char* key) { return told.at(key).get<uint64_t>(); };
  sum.bytes_pushed += whole("pushed");
  sum.bytes_pulled += whole("pulled");
  sum.saved_keys += whole("keys");
  sum.saved_encoding += whole("encoding");
  sum.saved_significance += whole("significance");
  sum.resent += whole("resent");
  sum.failovers += whole("failovers");
  sum.wait_s += told.at("waited_s").get<double>() / static_cast<double>(trainers);
  const auto ages = told.at("staleness").get<std::vector<uint64_t>>();
  sum.staleness.resize(std::max(sum.staleness.size(), ages.size()));
  std::ranges::transform(ages, sum.staleness, sum.staleness.begin(), std::plus<>());
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

// All go by what the first has added up, so that reports of several trainers are equal.
PsReport share_report(const ps::WorkerReport& mine, const ps::GroupOptions& options, int restarts,
                      comm::Communicator& group) {
  const std::vector<std::string> texts = comm::gather_texts(group, told(mine).dump(), 0);
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
  for (const Json& each : all.at("told")) add(report, each, all.at("told").size());
  return report;
}

Json to_json(const PsReport& report) {
  const bool bounded = report.consistency == ps::Consistency::ssp;
  return {{"consistency", name_of(report.consistency)},
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
  return text;
}

}  // namespace podium::train
