// MetricsLog: what a job tells of itself as it runs, event by event (metrics.jsonl of a run folder;
// docs/metrics.md).
//
// An event is a JSON object whose `event` says what it is of. Each gets `t_s`, seconds since the
// start of the job, and `job`, the same for all that one job tells: a run folder is used again, and
// by several jobs at once. Numbers that make curves can go to TensorBoard as well (scalar_log.hpp).
// Thread-safe, like the lines (json_lines.hpp) that it writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/json_lines.hpp"
#include "core/log.hpp"
#include "core/scalar_log.hpp"

namespace podium {

class MetricsLog {
 public:
  using Json = nlohmann::ordered_json;
  using Moment = std::chrono::system_clock::time_point;

  // Writes nothing: of ranks that do not lead, and of verbs that leave a run folder as it is.
  MetricsLog() = default;
  // Opens or creates `file`. `started` counts since the start of the job, which gets a name unless
  // another of its ranks has given it one. Throws io_error.
  MetricsLog(const std::filesystem::path& file, const Stopwatch& started, Log log,
             std::string job = {});

  // From here on, an event file in `folder` has the curves of the events. Call it before others
  // write. Throws io_error.
  void draw(const std::filesystem::path& folder, std::vector<EventCurves> curves);

  void write(Json event) { write(std::move(event), std::chrono::system_clock::now()); }
  // Of what happened a while ago, perhaps on another rank.
  void write(Json event, Moment moment);

  // Empty where nothing is written.
  std::filesystem::path path() const { return lines_ ? lines_->path() : std::filesystem::path(); }
  // Of the file so far.
  uint64_t bytes() const { return lines_ ? lines_->bytes() : 0; }
  // What `job` says; empty where nothing is written.
  const std::string& job() const { return job_; }

 private:
  double seconds_at(Moment moment) const;

  std::optional<JsonLines> lines_;
  std::optional<ScalarLog> scalars_;
  Log log_;
  Stopwatch started_;
  std::string job_;
};

}  // namespace podium
