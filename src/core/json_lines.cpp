#include "core/json_lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace podium {

JsonLines::JsonLines(const std::filesystem::path& path, Log log)
    : path_(path),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)),
      log_(std::move(log)) {
  if (!file_) throw io_error("cannot open for writing", path.string(), errno);
}

uint64_t JsonLines::bytes() const {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path_, error);
  return error ? 0 : bytes;
}

void JsonLines::write(const nlohmann::ordered_json& object) {
  if (ended_) return;
  const std::string line =
      object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return;
  const Error error = io_error("cannot append", path_.string(), written < 0 ? errno : ENOSPC);
  if (!ended_.exchange(true)) log_.warning(std::string("this log ends here: ") + error.what());
}

}  // namespace podium
