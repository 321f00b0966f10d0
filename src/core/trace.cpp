#include "core/trace.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "core/error.hpp"

namespace podium {

using Json = nlohmann::ordered_json;

void TraceFile::add(int group, int lane, const std::string& name, int64_t begin_ns,
                    int64_t end_ns) {
  events_.push_back({group, lane, name, begin_ns, end_ns});
}

void TraceFile::name_group(int group, const std::string& name) {
  names_.push_back(
      {{"ph", "M"}, {"name", "process_name"}, {"pid", group}, {"args", {{"name", name}}}});
}

void TraceFile::name_lane(int group, int lane, const std::string& name) {
  names_.push_back({{"ph", "M"},
                    {"name", "thread_name"},
                    {"pid", group},
                    {"tid", lane},
                    {"args", {{"name", name}}}});
}

Json TraceFile::document() const {
  const auto first = std::ranges::min_element(events_, {}, &Event::begin_ns);
  Json all = names_;
  for (const Event& event : events_) {
    all.push_back({{"ph", "X"},
                   {"name", event.name},
                   {"pid", event.group},
                   {"tid", event.lane},
                   {"ts", static_cast<double>(event.begin_ns - first->begin_ns) * 1e-3},
                   {"dur", static_cast<double>(event.end_ns - event.begin_ns) * 1e-3}});
  }
  return {{"traceEvents", std::move(all)}, {"displayTimeUnit", "ms"}};
}

void TraceFile::write(const std::filesystem::path& path) const {
  std::ofstream file(path);
  file << document().dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  file.close();
  if (!file) throw io_error("cannot write the trace", path.string(), errno);
}

}  // namespace podium
