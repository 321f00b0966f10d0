#include "train/mlperf_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>

#include "core/error.hpp"
#include "core/json_lines.hpp"

namespace podium::train {
namespace {

int64_t now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

// "src/train/trainer.cpp", wherever it was built.
std::string file_of(const MlperfLog::Where& where) {
  const std::string_view path = where.file;
  const size_t root = path.rfind("src/");
  return std::string(root == std::string_view::npos ? path : path.substr(root));
}

}  // namespace

MlperfLog::MlperfLog(const std::filesystem::path& file, std::string model, Log log)
    : path_(file),
      file_(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)),
      model_(std::move(model)),
      log_(std::move(log)) {
  if (!file_) throw io_error("cannot open for writing", file.string(), errno);
  // A job that was killed within a write leaves half a line.
  if (ends_within_line(file_.get()) && ::write(file_.get(), "\n", 1) != 1) file_.reset();
}

void MlperfLog::start(const char* key, Json metadata, Where where) {
  write("INTERVAL_START", key, nullptr, std::move(metadata), where);
}

void MlperfLog::stop(const char* key, Json metadata, Where where) {
  write("INTERVAL_END", key, nullptr, std::move(metadata), where);
}

void MlperfLog::point(const char* key, const Json& value, Json metadata, Where where) {
  write("POINT_IN_TIME", key, value, std::move(metadata), where);
}

void MlperfLog::write(const char* type, const char* key, const Json& value, Json metadata,
                      const Where& where) {
  if (!file_) return;
  Json about = {{"file", file_of(where)}, {"lineno", where.line}, {"model", model_}};
  about.update(metadata);
  const Json event = {{"namespace", ""}, {"time_ms", now_ms()}, {"event_type", type},
                      {"key", key},      {"value", value},      {"metadata", std::move(about)}};
  const std::string line =
      ":::MLLOG " + event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  // Where the file system has no locks, lines of several nodes may mix; those of one do not.
  const bool locked = ::flock(file_.get(), LOCK_EX) == 0;
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  const int error = written < 0 ? errno : ENOSPC;
  if (locked) ::flock(file_.get(), LOCK_UN);
  if (written != static_cast<ssize_t>(line.size())) {
    log_.warning(std::string("this log ends here: ") +
                 io_error("cannot append", path_.string(), error).what());
    file_.reset();
  }
}

}  // namespace podium::train
