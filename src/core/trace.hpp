// Trace: what was done when, as spans, for people to look at.
//
// A SpanRecorder belongs to one thread and never allocates once made. Times are of the steady
// clock, which all processes of a machine share. A TraceFile gathers the spans of all, and writes
// them in the Trace Event format (Google, 2016), which Perfetto and chrome://tracing open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace podium {

struct Span {
  const char* name = "";  // a constant of the program
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

inline int64_t trace_now_ns() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

class SpanRecorder {
 public:
  // Keeps the first `capacity` spans; 0 records nothing.
  explicit SpanRecorder(size_t capacity = 0) { spans_.reserve(capacity); }

  void add(const char* name, int64_t begin_ns) {
    if (spans_.size() < spans_.capacity()) spans_.push_back({name, begin_ns, trace_now_ns()});
  }
  void clear() { spans_.clear(); }
  std::span<const Span> spans() const { return spans_; }

 private:
  std::vector<Span> spans_;
};

class TraceFile {
 public:
  // A span of `lane` (a thread in the viewer) of `group` (a process there).
  void add(int group, int lane, const std::string& name, int64_t begin_ns, int64_t end_ns);
  void name_group(int group, const std::string& name);
  void name_lane(int group, int lane, const std::string& name);

  // The document; times count from the first span.
  nlohmann::ordered_json document() const;
  // Throws io_error.
  void write(const std::filesystem::path& path) const;

 private:
  struct Event {
    int group = 0;
    int lane = 0;
    std::string name;
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
  };
  std::vector<Event> events_;
  nlohmann::ordered_json names_ = nlohmann::ordered_json::array();
};

}  // namespace podium
