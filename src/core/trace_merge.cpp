#include "core/trace_merge.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "core/clock_offset.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/trace_file.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kept_jobs = 8;

struct LaneSpans {
  struct Entry {
    size_t name = 0;  // of Process::names
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
  };
  std::string name;
  std::vector<Entry> spans;
  uint64_t left_out = 0;
};

// What the file of a process holds.
struct Process {
  std::string name;
  int rank = 0;
  std::string roles;
  std::string node;
  std::string clock;
  int64_t at_ns = 0;    // by its clock, at its start
  int64_t wall_ns = 0;  // the time of day then
  std::vector<ClockOffset> offsets;
  std::vector<std::string> names;
  std::map<size_t, LaneSpans> lanes;

  bool is_rank() const { return name == "rank " + std::to_string(rank); }
};

void take_spans(Process& process, const Json& line) {
  LaneSpans& lane = process.lanes[line.at("lane")];
  std::vector<size_t> names;
  for (const Json& name : line.at("names")) {
    const auto known = std::ranges::find(process.names, name.get<std::string>());
    names.push_back(static_cast<size_t>(known - process.names.begin()));
    if (known == process.names.end()) process.names.push_back(name);
  }
  for (const Json& span : line.at("spans")) {
    const int64_t begin_ns = span.at(1);
    const int64_t length_ns = span.at(2);
    lane.spans.push_back(
        {names.at(span.at(0)), begin_ns, begin_ns + std::max<int64_t>(length_ns, 0)});
  }
}

void take_head(Process& process, const Json& line) {
  process.name = line.at("process");
  process.rank = line.at("rank");
  process.roles = line.at("roles");
  process.node = line.at("node");
  process.clock = line.at("clock");
  process.at_ns = line.at("at_ns");
  process.wall_ns = line.at("wall_ns");
}

void take_line(Process& process, const Json& line) {
  if (line.contains("process")) return take_head(process, line);
  if (line.contains("spans")) return take_spans(process, line);
  if (line.contains("left_out")) {
    process.lanes[line.at("lane")].left_out = line.at("left_out");
  } else if (line.contains("lane")) {
    process.lanes[line.at("lane")].name = line.at("name");
  } else if (line.contains("offset_ns")) {
    process.offsets.push_back({line.at("at_ns"), line.at("offset_ns"), line.at("error_ns")});
  } else if (line.contains("roles")) {
    process.roles = line.at("roles");
  }
}

// None where the file does not say whose it is.
std::optional<Process> read_process(const fs::path& path) {
  Process process;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    try {
      take_line(process, Json::parse(text));
    } catch (const std::exception&) {
      // The last line of a process that died, or of a full disk.
    }
  }
  if (process.name.empty()) return {};
  return process;
}

// Ranks in their order, then workers by the rank that started them.
std::vector<Process> read_job(const fs::path& folder) {
  std::vector<Process> all;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().extension() != ".jsonl") continue;
    if (auto process = read_process(entry.path())) all.push_back(std::move(*process));
  }
  std::ranges::sort(all, {}, [](const Process& process) {
    return std::tuple(!process.is_rank(), process.rank, process.name);
  });
  return all;
}

// A machine's clock beside that of rank 0.
struct Clock {
  std::vector<ClockOffset> offsets;
  bool measured = true;
  std::string node;

  int64_t error_ns() const {
    return std::ranges::max(offsets, {}, &ClockOffset::error_ns).error_ns;
  }
};

using Clocks = std::map<std::string, Clock>;

Clocks clocks_of(const std::vector<Process>& processes) {
  const Process& first = processes.front();
  Clocks clocks;
  for (const Process& process : processes) {
    Clock& clock = clocks[process.clock];
    if (clock.node.empty()) clock.node = process.node;
    if (process.clock == first.clock) {
      clock.offsets = {{}};
    } else if (!process.offsets.empty()) {
      clock.offsets = process.offsets;
    }
  }
  for (const Process& process : processes) {
    Clock& clock = clocks[process.clock];
    if (!clock.offsets.empty()) continue;
    const int64_t offset_ns = (process.at_ns - process.wall_ns) - (first.at_ns - first.wall_ns);
    clock.offsets.push_back({process.at_ns, offset_ns, 0});
    clock.measured = false;
  }
  return clocks;
}

std::string title_of(const Process& process, bool several_nodes) {
  std::string title = process.name;
  if (!process.roles.empty()) title += ": " + process.roles;
  if (several_nodes) title += " (" + process.node + ")";
  return title;
}

// How well the times of different machines compare.
Json told_of(const Clocks& clocks) {
  Json told = Json::array();
  for (const auto& [domain, clock] : clocks) {
    Json one = {{"node", clock.node}};
    one["offset_us"] = static_cast<double>(clock.offsets.front().offset_ns) * 1e-3;
    if (clock.measured) one["error_us"] = static_cast<double>(clock.error_ns()) * 1e-3;
    if (!clock.measured) one["by"] = "time of day";
    told.push_back(std::move(one));
  }
  return told;
}

MergedTrace fill(TraceFile& file, const std::vector<Process>& processes) {
  const Clocks clocks = clocks_of(processes);
  MergedTrace merged;
  merged.processes = processes.size();
  merged.error_ns = 0;
  for (const auto& [domain, clock] : clocks) {
    if (!clock.measured) merged.error_ns.reset();
    if (merged.error_ns) merged.error_ns = std::max(*merged.error_ns, clock.error_ns());
  }
  int next_worker = 0;
  for (const Process& process : processes) next_worker = std::max(next_worker, process.rank + 1);
  Json left_out = Json::array();
  for (const Process& process : processes) {
    const int group = process.is_rank() ? process.rank : next_worker++;
    const Clock& clock = clocks.at(process.clock);
    file.name_group(group, title_of(process, clocks.size() > 1));
    for (const auto& [number, lane] : process.lanes) {
      const int thread = static_cast<int>(number) + 1;  // Perfetto has a thread 0 of its own
      file.name_lane(group, thread, lane.name);
      merged.left_out += lane.left_out;
      if (lane.left_out > 0) left_out.push_back({process.name, lane.name, lane.left_out});
      for (const LaneSpans::Entry& span : lane.spans) {
        file.add(group, thread, process.names[span.name], on_rank_0(clock.offsets, span.begin_ns),
                 on_rank_0(clock.offsets, span.end_ns));
      }
    }
  }
  merged.spans = file.size();
  file.tell("clock", "rank 0");
  file.tell("clock_error_us",
            merged.error_ns ? Json(static_cast<double>(*merged.error_ns) * 1e-3) : Json());
  file.tell("clocks", told_of(clocks));
  file.tell("left_out", left_out);
  return merged;
}

// In order of time.
std::vector<fs::path> jobs_of(const fs::path& run_dir) {
  std::vector<fs::path> jobs;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(run_dir / "trace", failed)) {
    if (entry.is_directory(failed)) jobs.push_back(entry.path());
  }
  std::ranges::sort(jobs);
  return jobs;
}

}  // namespace

fs::path make_trace_folder(const fs::path& run_dir, const std::string& verb) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  const fs::path folder =
      run_dir / "trace" /
      format("%04d%02d%02dT%02d%02d%02dZ-%s-%d", parts.tm_year + 1900, parts.tm_mon + 1,
             parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, verb.c_str(), ::getpid());
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw io_error("cannot make a folder", folder.string(), failed.value());
  const std::vector<fs::path> jobs = jobs_of(run_dir);
  for (size_t i = 0; i + kept_jobs < jobs.size(); ++i) fs::remove_all(jobs[i], failed);
  fs::remove(run_dir / "trace.json", failed);
  return folder;
}

std::optional<MergedTrace> merge_traces(const fs::path& run_dir, const fs::path& job) {
  const std::vector<fs::path> jobs = jobs_of(run_dir);
  if (job.empty() && jobs.empty()) return {};
  const fs::path folder = job.empty() ? jobs.back() : job;
  const std::vector<Process> processes = read_job(folder);
  if (processes.empty()) return {};
  TraceFile file;
  MergedTrace merged = fill(file, processes);
  file.tell("job", folder.filename().string());
  merged.path = run_dir / "trace.json";
  file.write(merged.path);
  return merged;
}

}  // namespace podium
