// JsonLines: an append-only file of one JSON object per line (metrics.jsonl).
//
// Thread-safe; each line is one write(2) to a file opened with O_APPEND, so several processes may
// share it and a reader never sees half a line of a finished write.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "core/file_descriptor.hpp"

namespace podium {

class JsonLines {
 public:
  // Opens or creates `path`. Throws io_error.
  explicit JsonLines(const std::filesystem::path& path);

  // Appends `object` and a newline. Throws io_error when the disk is full.
  void write(const nlohmann::ordered_json& object);

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
};

}  // namespace podium
