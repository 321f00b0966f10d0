#include "core/json_lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.hpp"

namespace podium {

JsonLines::JsonLines(const std::filesystem::path& path)
    : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (!file_) throw io_error("cannot open for writing", path.string(), errno);
}

void JsonLines::write(const nlohmann::ordered_json& object) {
  const std::string line =
      object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written < 0) throw io_error("cannot append", path_.string(), errno);
  if (static_cast<size_t>(written) != line.size()) {
    throw io_error("cannot append", path_.string(), ENOSPC);
  }
}

}  // namespace podium
