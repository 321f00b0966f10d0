// TraceFile: gathers spans, and writes them in the Trace Event format (Google, 2016), which
// Perfetto and chrome://tracing open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace podium {

class TraceFile {
 public:
  TraceFile() = default;
  TraceFile(TraceFile&&) = default;
  TraceFile& operator=(TraceFile&&) = default;

  // A span of `lane` (a thread in the viewer) of `group` (a process there).
  void add(int group, int lane, const std::string& name, int64_t begin_ns, int64_t end_ns);
  void name_group(int group, const std::string& name);
  void name_lane(int group, int lane, const std::string& name);
  // Told with the document, as its "otherData".
  void tell(const std::string& key, const nlohmann::ordered_json& value) { other_[key] = value; }

  size_t size() const { return events_.size(); }
  // The document; times count from the first span, and spans that begin together stand with the
  // longest first.
  nlohmann::ordered_json document() const;
  // The same, by a temporary file that takes the place of `path`. Throws io_error.
  void write(const std::filesystem::path& path) const;

 private:
  struct Event {
    int group = 0;
    int lane = 0;
    const std::string* name = nullptr;  // one of words_
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
  };
  std::vector<Event> in_order() const;
  nlohmann::ordered_json head() const;

  std::set<std::string> words_;
  std::vector<Event> events_;
  nlohmann::ordered_json names_ = nlohmann::ordered_json::array();
  nlohmann::ordered_json other_ = nlohmann::ordered_json::object();
};

}  // namespace podium
