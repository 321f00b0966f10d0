#include "report/trace_spans.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/trace_merge.hpp"
#include "report/place.hpp"

namespace podium::report {
namespace {

constexpr uintmax_t most_bytes = 256ULL << 20;

using Key = std::pair<int, int>;  // process and lane, as the trace numbers them

Json read(const std::filesystem::path& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error || bytes > most_bytes) return {};
  std::ifstream file(path);
  return Json::parse(file, nullptr, false);
}

// A job that died leaves the traces of its processes apart.
void merge_if_nobody_did(const std::filesystem::path& run_dir) {
  std::error_code error;
  if (std::filesystem::exists(run_dir / "trace.json", error)) return;
  try {
    merge_traces(run_dir);
  } catch (const Error&) {
    return;  // a folder that takes no file: the page does without
  }
}

std::string name_in(const Json& event) {
  const auto args = event.find("args");
  return args != event.end() && args->is_object() ? args->value("name", "") : "";
}

}  // namespace

std::vector<TracedLane> traced_lanes(const std::filesystem::path& run_dir,
                                     std::span<const char* const> names) {
  merge_if_nobody_did(run_dir);
  const Json document = read(run_dir / "trace.json");
  if (!document.is_object() || !document.contains("traceEvents")) return {};
  std::map<int, std::string> processes;
  std::map<Key, TracedLane> lanes;
  for (const Json& event : document["traceEvents"]) {
    if (!event.is_object() || !event.contains("name") || !event["name"].is_string()) continue;
    const std::string name = event["name"];
    const Key key{event.value("pid", 0), event.value("tid", 0)};
    const std::string phase = event.value("ph", "");
    if (phase == "M" && name == "process_name") processes[key.first] = name_in(event);
    if (phase == "M" && name == "thread_name") lanes[key].lane = name_in(event);
    const bool wanted = std::ranges::any_of(
        names, [&](std::string_view one) { return phase == "X" && one == name; });
    if (!wanted) continue;
    const double begin = event.value("ts", 0.0) * 1e-3;
    lanes[key].spans.push_back({name, begin, begin + event.value("dur", 0.0) * 1e-3});
  }
  std::vector<TracedLane> found;
  for (auto& [key, lane] : lanes) {
    if (lane.spans.empty()) continue;
    std::ranges::stable_sort(lane.spans, {}, &picture::NamedSpan::begin);
    lane.process = processes[key.first];
    found.push_back(std::move(lane));
  }
  return found;
}

std::vector<TracedLane> window(std::vector<TracedLane> lanes, double begin, double end) {
  for (TracedLane& lane : lanes) {
    std::erase_if(lane.spans, [&](const picture::NamedSpan& span) {
      return span.end < begin || span.begin > end;
    });
  }
  std::erase_if(lanes, [](const TracedLane& lane) { return lane.spans.empty(); });
  return lanes;
}

}  // namespace podium::report
