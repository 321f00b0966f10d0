#include "core/trace_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <tuple>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void TraceFile::add(int group, int lane, const std::string& name, int64_t begin_ns,
                    int64_t end_ns) {
  events_.push_back({group, lane, &*words_.insert(name).first, begin_ns, end_ns});
}

void TraceFile::name_group(int group, const std::string& name) {
  names_.push_back(
      {{"ph", "M"}, {"name", "process_name"}, {"pid", group}, {"args", {{"name", name}}}});
  names_.push_back({{"ph", "M"},
                    {"name", "process_sort_index"},
                    {"pid", group},
                    {"args", {{"sort_index", group}}}});
}

void TraceFile::name_lane(int group, int lane, const std::string& name) {
  names_.push_back({{"ph", "M"},
                    {"name", "thread_name"},
                    {"pid", group},
                    {"tid", lane},
                    {"args", {{"name", name}}}});
}

std::vector<TraceFile::Event> TraceFile::in_order() const {
  std::vector<Event> events = events_;
  std::ranges::stable_sort(
      events, {}, [](const Event& event) { return std::tuple(event.begin_ns, -event.end_ns); });
  return events;
}

// All but the spans.
Json TraceFile::head() const {
  Json head = {{"displayTimeUnit", "ms"}};
  if (!other_.empty()) head["otherData"] = other_;
  return head;
}

Json TraceFile::document() const {
  const std::vector<Event> events = in_order();
  Json all = names_;
  for (const Event& event : events) {
    all.push_back({{"ph", "X"},
                   {"name", *event.name},
                   {"pid", event.group},
                   {"tid", event.lane},
                   {"ts", static_cast<double>(event.begin_ns - events.front().begin_ns) / 1e3},
                   {"dur", static_cast<double>(event.end_ns - event.begin_ns) / 1e3}});
  }
  Json document = head();
  document["traceEvents"] = std::move(all);
  return document;
}

// Event by event: as one document a trace takes many times its size in memory.
void TraceFile::write(const std::filesystem::path& path) const {
  const std::vector<Event> events = in_order();
  std::filesystem::path partial = path;
  partial += ".partial";
  std::ofstream file(partial);
  std::string opening = text_of(head());
  opening.pop_back();
  file << opening << ",\"traceEvents\":[";
  const char* between = "\n";
  for (const Json& name : names_) {
    file << between << text_of(name);
    between = ",\n";
  }
  for (const Event& event : events) {
    const int64_t begin_ns = event.begin_ns - events.front().begin_ns;
    file << between << R"({"ph":"X","name":)" << text_of(*event.name)
         << format(R"(,"pid":%d,"tid":%d,"ts":%.3f,"dur":%.3f})", event.group, event.lane,
                   static_cast<double>(begin_ns) / 1e3,
                   static_cast<double>(event.end_ns - event.begin_ns) / 1e3);
    between = ",\n";
  }
  file << "\n]}\n";
  file.close();
  std::error_code failed;
  if (file) {
    std::filesystem::rename(partial, path, failed);
  } else {
    failed = std::error_code(errno != 0 ? errno : EIO, std::generic_category());
    std::error_code ignored;  // perhaps there never was one
    std::filesystem::remove(partial, ignored);
  }
  if (failed) throw io_error("cannot write the trace", path.string(), failed.value());
}

}  // namespace podium
