#include "top/page.hpp"

#include <nlohmann/json.hpp>

#include "core/board.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::top {
namespace {

using Json = nlohmann::ordered_json;
using Colour = Line::Colour;

std::string text_of(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

long long count_of(const Json& json, const char* key) {
  return json.at(key).get<long long>();
}

Line replica_line(const Json& replica) {
  const std::string state = text_of(replica, "state");
  Line line;
  line.colour = state == "ready"      ? Colour::plain
                : state == "starting" ? Colour::yellow
                                      : Colour::red;
  line.text = format("%-14s %-9s %7lld %9lld", text_of(replica, "name").c_str(), state.c_str(),
                     count_of(replica, "version"), count_of(replica, "in_flight"));
  if (replica.contains("recent")) {
    const Json& recent = replica.at("recent");
    line.text += format(" %10.1f %9.3f %9.3f %7.1f %8lld", recent.at("per_s").get<double>(),
                        recent.at("p50_ms").get<double>(), recent.at("p99_ms").get<double>(),
                        recent.at("batch_images").get<double>(), count_of(replica, "failed"));
  } else {
    line.text += format(" %10s %9s %9s %7s %8s", "-", "-", "-", "-", "-");
  }
  line.text += format(" %8lld", count_of(replica, "restarts"));
  return line;
}

std::vector<Line> lines_of(const Json& stats, const std::string& server) {
  const Json& recent = stats.at("recent");
  const std::string state = text_of(stats, "state");
  const long long failed = count_of(stats, "failed");
  std::vector<Line> lines;
  lines.push_back({format("%s  %s  version %lld  %s  up %s", server.c_str(),
                          text_of(stats, "model").c_str(), count_of(stats, "version"),
                          state.c_str(), duration_text(stats.at("uptime_s")).c_str()),
                   state == "ready" ? Colour::bold : Colour::yellow});
  lines.push_back(
      {format("last 10 s: %.1f requests/s, p50 %.3f ms, p99 %.3f ms, batches of %.1f",
              recent.at("per_s").get<double>(), recent.at("p50_ms").get<double>(),
              recent.at("p99_ms").get<double>(), recent.at("batch_images").get<double>())});
  lines.push_back({format("now: %lld in flight, %lld waiting for a replica, %lld connections",
                          count_of(stats, "in_flight"), stats.value("waiting", 0LL),
                          count_of(stats, "connections"))});
  lines.push_back(
      {format("since the start: %lld answered, %lld failed, %lld rejected, %lld sent "
              "again, %lld restarts, %lld swaps, p50 %.3f ms, p99 %.3f ms",
              count_of(stats, "requests"), failed, count_of(stats, "rejected"),
              count_of(stats, "retried"), count_of(stats, "restarts"), count_of(stats, "swaps"),
              stats.at("p50_ms").get<double>(), stats.at("p99_ms").get<double>()),
       failed > 0 ? Colour::red : Colour::plain});
  lines.push_back({});
  lines.push_back(
      {format("%-14s %-9s %7s %9s %10s %9s %9s %7s %8s %8s", "replica", "state", "version",
              "in flight", "requests/s", "p50 ms", "p99 ms", "batch", "failed", "restarts"),
       Colour::bold});
  for (const Json& replica : stats.at("replicas")) lines.push_back(replica_line(replica));
  return lines;
}

}  // namespace

std::vector<Line> page_of(const Json& stats, const std::string& server) {
  try {
    return lines_of(stats, server);
  } catch (const Json::exception&) {
    throw unavailable_error("no service of Podium answers there", server,
                            "give the HOST:PORT of one");
  }
}

}  // namespace podium::top
