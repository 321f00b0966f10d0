#include "core/log_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;

constexpr int most_namesakes = 9;  // of one process name, alive in one folder
constexpr size_t most_early_bytes = 64 << 10;

int64_t now_ns() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

FileDescriptor open_to_append(const fs::path& path) {
  return FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
}

// Whether no other process keeps this file; a file system without locks says nothing against it.
bool is_free(const FileDescriptor& file) {
  return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

uint64_t size_of(const FileDescriptor& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

}  // namespace

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

LogFile::LogFile(std::shared_ptr<LogSink> next, uint64_t most_bytes)
    : next_(std::move(next)), most_bytes_(most_bytes) {}

void LogFile::open(const fs::path& folder, const std::string& name, std::string_view greeting) {
  const std::lock_guard lock(turn_);
  if (file_ || over_ || !take_file(folder, name)) return;
  write(today() + " " + log_line(LogLevel::info, "", greeting));
  if (!before_.empty()) write(std::exchange(before_, {}));
}

bool LogFile::take_file(const fs::path& folder, const std::string& name) {
  path_ = folder;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    give_up("cannot make the folder", error.value());
    return false;
  }
  for (int number = 1; number <= most_namesakes; ++number) {
    path_ = folder / (number == 1 ? name + ".log" : name + "-" + std::to_string(number) + ".log");
    FileDescriptor file = open_to_append(path_);
    if (!file) break;
    if (!is_free(file)) {
      errno = EBUSY;
      continue;
    }
    file_ = std::move(file);
    bytes_ = size_of(file_);
    descriptor_ = file_.get();
    return true;
  }
  give_up("cannot be opened for writing", errno);
  return false;
}

void LogFile::line(LogLevel level, std::string_view speaker, std::string_view text) {
  keep(level, speaker, text);
  next_->line(level, speaker, text);
}

void LogFile::keep(LogLevel level, std::string_view speaker, std::string_view text) {
  if (level > LogLevel::info) return;
  const std::string line = today() + " " + log_line(level, speaker, text);
  const std::lock_guard lock(turn_);
  remember(text);
  if (file_) {
    write(line);
  } else if (!over_ && before_.size() + line.size() <= most_early_bytes) {
    before_ += line;
  }
}

void LogFile::write(std::string_view line) {
  if (bytes_ > 0 && bytes_ + line.size() > most_bytes_) rotate();
  if (!file_) return;
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    return give_up("cannot be appended to", written < 0 ? errno : ENOSPC);
  }
  bytes_ += line.size();
}

// The new file gets its number before the old one is closed, and then is at once the one that a
// signal handler writes to.
void LogFile::rotate() {
  fs::path before = path_;
  before += ".1";
  std::error_code error;
  fs::rename(path_, before, error);
  if (error) return give_up("cannot be renamed", error.value());
  FileDescriptor file = open_to_append(path_);
  if (!file) return give_up("cannot open for writing", errno);
  ::flock(file.get(), LOCK_EX | LOCK_NB);  // free: it is new
  descriptor_ = file.get();
  file_ = std::move(file);
  bytes_ = 0;
}

void LogFile::remember(std::string_view text) {
  const size_t size = std::min(text.size(), newest_.size());
  for (size_t i = 0; i < size; ++i) newest_[i].store(text[i], std::memory_order_relaxed);
  newest_size_ = size;
  newest_ns_ = now_ns();
}

size_t LogFile::newest(char* buffer, size_t capacity) const noexcept {
  const size_t size = std::min<size_t>(newest_size_, capacity);
  for (size_t i = 0; i < size; ++i) buffer[i] = newest_[i].load(std::memory_order_relaxed);
  return size;
}

void LogFile::give_up(const char* what, int error) {
  over_ = true;
  descriptor_ = -1;
  file_.reset();
  before_.clear();
  const std::string reason = io_error(what, path_.string(), error).what();
  next_->line(LogLevel::warning, "",
              "nothing more is kept of what this process says: the file " + reason);
}

}  // namespace podium
