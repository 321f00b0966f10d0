#include "core/log.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "core/error.hpp"

namespace podium {
namespace {

constexpr std::array<const char*, 4> level_names = {"error", "warning", "info", "debug"};

// Writes all of `line`; a log that cannot be written is dropped, never an error of its own.
void write_all(std::string_view line) noexcept {
  while (!line.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written <= 0) return;
    line.remove_prefix(static_cast<size_t>(written));
  }
}

// Local wall time as HH:MM:SS.mmm.
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d", parts.tm_hour, parts.tm_min,
                parts.tm_sec, static_cast<int>(ms));
  return text.data();
}

class StandardError : public LogSink {
 public:
  explicit StandardError(LogLevel most) : most_(most) {}

  void line(LogLevel level, std::string_view speaker, std::string_view text) override {
    if (level <= most_) write_all(log_line(level, speaker, text));
  }

 private:
  LogLevel most_;
};

}  // namespace

LogLevel parse_log_level(std::string_view text) {
  for (size_t i = 0; i < level_names.size(); ++i) {
    if (text == level_names[i]) return static_cast<LogLevel>(i);
  }
  throw usage_error("unknown log level '" + std::string(text) + "'", "--log.level",
                    "use error, warning, info or debug");
}

std::string log_line(LogLevel level, std::string_view speaker, std::string_view text) {
  std::string line = timestamp();
  if (!speaker.empty()) line.append(" [").append(speaker).append("]");
  if (level != LogLevel::info) {
    line += " ";
    line += level_names[static_cast<size_t>(level)];
    line += ":";
  }
  return line.append(" ").append(text).append("\n");
}

std::shared_ptr<LogSink> standard_error_sink(LogLevel most) {
  return std::make_shared<StandardError>(most);
}

void Log::write(LogLevel level, std::string_view text) const {
  if (!enabled(level)) return;
  if (sink_) return sink_->line(level, speaker_, text);
  StandardError(level).line(level, speaker_, text);
}

void warn_in_destructor(const char* what, const char* reason) noexcept {
  std::array<char, 256> line{};
  const int length =
      std::snprintf(line.data(), line.size(), "podium: warning: %s failed: %s\n", what, reason);
  if (length > 0) write_all({line.data(), std::min<size_t>(length, line.size() - 1)});
}

}  // namespace podium
