#include "core/json_lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace podium {

bool ends_within_line(int file) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  char last = '\n';
  return size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

JsonLines::JsonLines(const std::filesystem::path& path, Log log)
    : path_(path),
      file_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)),
      log_(std::move(log)) {
  if (!file_) throw io_error("cannot open for writing", path.string(), errno);
  if (ends_within_line(file_.get())) append("\n");
}

uint64_t JsonLines::bytes() const {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path_, error);
  return error ? 0 : bytes;
}

void JsonLines::write(const nlohmann::ordered_json& object) {
  if (ended_) return;
  append(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void JsonLines::append(std::string_view line) {
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return;
  const Error error = io_error("cannot append", path_.string(), written < 0 ? errno : ENOSPC);
  if (!ended_.exchange(true)) log_.warning(std::string("this log ends here: ") + error.what());
}

}  // namespace podium
