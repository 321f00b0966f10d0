// MlperfLog: the milestones of training runs in the format of MLPerf's logging package, one line
// `:::MLLOG {json}` per event (github.com/mlcommons/logging, mllog.py and constants.py).
//
// Threads, processes: each line is one write(2) under flock(2) at the end of the file, so that the
// leaders of groups that train side by side share one file, also over NFS. The metadata `model`
// tells their lines apart. A disk that takes no more lines costs the lines, not the run: that is
// told once, and the log ends there.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file_descriptor.hpp"
#include "core/log.hpp"

namespace podium::train {

class MlperfLog {
 public:
  using Json = nlohmann::ordered_json;
  // Who calls: std::source_location, which clang 14 lacks.
  struct Where {
    const char* file = "";
    int line = 0;
    static constexpr Where current(const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) {
      return {file, line};
    }
  };

  // A log that writes nothing: of ranks that do not lead.
  MlperfLog() = default;

  // Opens or creates `file`. Throws io_error.
  MlperfLog(const std::filesystem::path& file, std::string model, Log log);

  // INTERVAL_START, INTERVAL_END and POINT_IN_TIME.
  void start(const char* key, Json metadata = Json::object(), Where where = Where::current());
  void stop(const char* key, Json metadata = Json::object(), Where where = Where::current());
  void point(const char* key, const Json& value, Json metadata = Json::object(),
             Where where = Where::current());

 private:
  void write(const char* type, const char* key, const Json& value, Json metadata,
             const Where& where);

  std::filesystem::path path_;
  FileDescriptor file_;
  std::string model_;
  Log log_;
};

}  // namespace podium::train
