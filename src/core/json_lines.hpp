// JsonLines: an append-only file of one JSON object per line (metrics.jsonl).
//
// Thread-safe; each line is one write(2) to a file opened with O_APPEND, so several processes may
// share it and a reader never sees half a line of a finished write. What a process that was killed
// left of a line stays a line of its own: readers skip it. A disk that takes no more lines costs
// the lines, not the job: that is told once, and the file stays as it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/file_descriptor.hpp"
#include "core/log.hpp"

namespace podium {

// Whether the last line of an open file is cut short.
bool ends_within_line(int file);

class JsonLines {
 public:
  // Opens or creates `path`. Throws io_error.
  JsonLines(const std::filesystem::path& path, Log log);

  // Appends `object` and a newline, unless the file has taken no line before.
  void write(const nlohmann::ordered_json& object);

  const std::filesystem::path& path() const { return path_; }
  // Of the file so far.
  uint64_t bytes() const;

 private:
  void append(std::string_view line);

  std::filesystem::path path_;
  FileDescriptor file_;
  Log log_;
  std::atomic<bool> ended_{false};
};

}  // namespace podium
