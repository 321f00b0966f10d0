// LogFile: what one process says, kept in a file of its own: FOLDER/NAME.log.
//
// A sink that keeps every line above debug, with the date, as one write(2), and hands each on to
// the next sink. The file is bounded: when it is full it becomes NAME.log.1, in place of the one
// before, and a new one begins. A file that another living process keeps is left to it, this one
// takes NAME-2.log and so on. A folder or disk that takes nothing costs one warning and the lines,
// never the job. Thread-safe.
//
// The last line stays at hand for a signal handler (last_words.hpp), which may neither lock nor
// allocate: therefore atomic characters.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/file_descriptor.hpp"
#include "core/log_sink.hpp"

namespace podium {

inline constexpr uint64_t most_log_bytes = uint64_t{4} << 20;

class LogFile : public LogSink {
 public:
  explicit LogFile(std::shared_ptr<LogSink> next, uint64_t most_bytes = most_log_bytes);

  // From now on there is a file, which begins with `greeting` and what was said before. Makes the
  // folder if need be. Tells the next sink if that cannot be.
  void open(const std::filesystem::path& folder, const std::string& name,
            std::string_view greeting);

  void line(LogLevel level, std::string_view speaker, std::string_view text) override;

  // Into the file alone, whatever else is said of it.
  void keep(LogLevel level, std::string_view speaker, std::string_view text);

  // For signal handlers: the file, or -1, and the text of the newest line, cut to what `buffer`
  // holds, with its time in nanoseconds of the steady clock. Returns the characters.
  int descriptor() const { return descriptor_; }
  size_t newest(char* buffer, size_t capacity) const noexcept;
  int64_t newest_ns() const { return newest_ns_; }

 private:
  // With the turn.
  bool take_file(const std::filesystem::path& folder, const std::string& name);
  void write(std::string_view line);
  void rotate();
  void remember(std::string_view text);
  void give_up(const char* what, int error);

  std::filesystem::path path_;
  std::shared_ptr<LogSink> next_;
  const uint64_t most_bytes_;
  std::mutex turn_;  // for the file and its length
  FileDescriptor file_;
  uint64_t bytes_ = 0;
  std::string before_;  // what was said before there was a file
  bool over_ = false;   // there is none any more
  std::atomic<int> descriptor_{-1};
  std::array<std::atomic<char>, 200> newest_{};
  std::atomic<size_t> newest_size_{0};
  std::atomic<int64_t> newest_ns_{0};
};

// "2026-03-07", for now, in local time.
std::string today();

}  // namespace podium
