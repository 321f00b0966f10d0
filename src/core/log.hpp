// Log: timestamped lines on stderr, each with the rank and role that speaks.
//
// A Log is a small value: copy it to give a role its own prefix. Every line is one write(2), so
// lines of several threads and processes do not mix. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace podium {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };

// Parses "error", "warning", "info" or "debug"; throws usage_error otherwise.
LogLevel parse_log_level(std::string_view text);

class Log {
 public:
  Log() = default;
  Log(LogLevel level, std::string speaker) : level_(level), speaker_(std::move(speaker)) {}

  // The same level under another name, for instance "rank 3 train".
  Log with_speaker(std::string speaker) const { return {level_, std::move(speaker)}; }

  bool enabled(LogLevel level) const { return level <= level_; }
  LogLevel level() const { return level_; }
  const std::string& speaker() const { return speaker_; }

  void error(std::string_view text) const { write(LogLevel::error, text); }
  void warning(std::string_view text) const { write(LogLevel::warning, text); }
  void info(std::string_view text) const { write(LogLevel::info, text); }
  void debug(std::string_view text) const { write(LogLevel::debug, text); }

 private:
  void write(LogLevel level, std::string_view text) const;

  LogLevel level_ = LogLevel::info;
  std::string speaker_;
};

// The logging family of checks: a destructor that could not release something says so and goes on.
void warn_in_destructor(const char* what, const char* reason) noexcept;

}  // namespace podium
