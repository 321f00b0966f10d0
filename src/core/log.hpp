// Log: timestamped lines, each with the rank and role that speaks, for a sink (log_sink.hpp).
//
// A Log is a small value: copy it to give a role its own prefix. Without a sink of its own its
// lines go to standard error. Every line is one write(2), so lines of several threads and
// processes do not mix. Thread-safe.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/log_sink.hpp"

namespace podium {

// Parses "error", "warning", "info" or "debug"; throws usage_error otherwise.
LogLevel parse_log_level(std::string_view text);

class Log {
 public:
  Log() = default;
  Log(LogLevel level, std::string speaker, std::shared_ptr<LogSink> sink = nullptr)
      : level_(level), speaker_(std::move(speaker)), sink_(std::move(sink)) {}

  // The same under another name, for instance "rank 3 train".
  Log with_speaker(std::string speaker) const { return {level_, std::move(speaker), sink_}; }
  // The same, with nothing said that is less grave.
  Log at_most(LogLevel level) const { return {std::min(level, level_), speaker_, sink_}; }

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
  std::shared_ptr<LogSink> sink_;
};

// The logging family of checks: a destructor that could not release something says so and goes on.
void warn_in_destructor(const char* what, const char* reason) noexcept;

}  // namespace podium
