// LogSink: where the lines of a process go.
//
// A Log hands each line to its sink, and sinks stand one behind the other: one keeps lines in a
// file, one gathers the warnings of all ranks, the last writes to standard error. What is said
// above debug reaches all of them; each leaves out what it does not want. Called by any thread; a
// sink never waits for other processes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace podium {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };

class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;

  // `speaker` is who says it, for instance "rank 3 train", and may be empty.
  virtual void line(LogLevel level, std::string_view speaker, std::string_view text) = 0;
};

// The line as people read it: "HH:MM:SS.mmm [speaker] warning: text\n", in local time.
std::string log_line(LogLevel level, std::string_view speaker, std::string_view text);

// Standard error, one write(2) a line, for lines of at most this level.
std::shared_ptr<LogSink> standard_error_sink(LogLevel most = LogLevel::debug);

}  // namespace podium
