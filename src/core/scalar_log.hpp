// ScalarLog: the numbers of a job's events that make curves, in an event file for TensorBoard.
//
// Which they are is data of the caller's (the one table of events, src/event_table.hpp).
// Thread-safe.
#pragma once

#include <filesystem>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/event_file.hpp"

namespace podium {

// The curves of one kind of event.
struct EventCurves {
  std::string event;
  std::string owner;              // the key of whose text tags begin, or that text
  std::string step;               // the key that counts
  std::vector<std::string> keys;  // a curve each: OWNER/KEY
};

class ScalarLog {
 public:
  // Makes an event file in `folder`. Throws io_error.
  ScalarLog(const std::filesystem::path& folder, std::vector<EventCurves> curves, Log log);

  // Appends the numbers of `event`, as float32. Others than numbers are left out.
  void write(const nlohmann::ordered_json& event, double unix_s);

 private:
  std::mutex mutex_;
  std::vector<EventCurves> curves_;
  EventFile file_;
};

}  // namespace podium
