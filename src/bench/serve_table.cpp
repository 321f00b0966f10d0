// The table of `podium bench serve`, and its rows as JSON.
#include <nlohmann/json.hpp>

#include "bench/serve_bench.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

std::string cost(double us) {
  return us < 0 ? "-" : format("%.1f", us);
}

double ratio(const ServeRow& row) {
  return row.theirs_per_second > 0 ? row.per_second / row.theirs_per_second : 0;
}

}  // namespace

std::string failures_text(const std::map<std::string, int64_t>& failed) {
  std::string text;
  for (const auto& [why, count] : failed) {
    text +=
        (text.empty() ? "" : ", ") + format("%s: %lld", why.c_str(), static_cast<long long>(count));
  }
  return text.empty() ? "none" : text;
}

std::string to_text(const std::vector<ServeRow>& rows) {
  size_t widest = 4;
  for (const ServeRow& row : rows) widest = std::max(widest, row.what.size());
  const int width = static_cast<int>(widest);
  std::string text = "latencies in ms, processor time per request in us\n";
  text += format("%-*s %9s %6s %7s %8s %8s %8s %8s %8s %8s %9s %6s %8s  %s\n", width, "what",
                 "req/s", "spread", "ratio", "p50", "p90", "p99", "p99.9", "most", "service",
                 "replicas", "load", "late p99", "failed");
  for (const ServeRow& row : rows) {
    text += format("%-*s %9.1f %5.0f%% %7s %8.3f %8.3f %8.3f %8.3f %8.3f %8s %9s %6s %8.3f  %s\n",
                   width, row.what.c_str(), row.per_second, 100 * row.spread,
                   ratio(row) > 0 ? format("%.2f", ratio(row)).c_str() : "-", row.p50_ms,
                   row.p90_ms, row.p99_ms, row.p99_9_ms, row.most_ms, cost(row.service_us).c_str(),
                   cost(row.replicas_us).c_str(), cost(row.load_us).c_str(), row.late_p99_ms,
                   failures_text(row.failed).c_str());
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<ServeRow>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const ServeRow& row : rows) {
    nlohmann::ordered_json entry = {{"what", row.what},
                                    {"unit", "requests/s"},
                                    {"ours", row.per_second},
                                    {"spread", row.spread}};
    if (row.theirs_per_second > 0) {
      entry.update(
          {{"theirs", row.theirs_per_second}, {"ratio", ratio(row)}, {"peer", row.theirs}});
    }
    if (row.asked_per_second > 0) entry["asked_per_s"] = row.asked_per_second;
    entry.update({{"p50_ms", row.p50_ms},
                  {"p90_ms", row.p90_ms},
                  {"p99_ms", row.p99_ms},
                  {"p99_9_ms", row.p99_9_ms},
                  {"most_ms", row.most_ms},
                  {"requests", row.requests},
                  {"failed", row.failed}});
    if (row.service_us >= 0) {
      entry.update({{"service_cpu_us", row.service_us}, {"replicas_cpu_us", row.replicas_us}});
    }
    entry.update({{"load_cpu_us", row.load_us}, {"late_p99_ms", row.late_p99_ms}});
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace podium::bench
