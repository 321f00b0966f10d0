// AccessLog: one JSON line per answer, appended to a file by a thread of its own.
//
// The service's thread only puts a line into memory. Lines are written every 200 ms; a file that
// was moved away or removed is made anew, so that any log rotation will do. A disk that is full or
// slow costs lines, never requests: they are counted, and told once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/log.hpp"

namespace podium::serve {

struct Access {
  std::string_view client;  // ADDRESS:PORT
  std::string_view method;  // empty: the request could not be read
  std::string_view path;
  int status = 0;
  uint64_t request_bytes = 0;  // of the body
  uint64_t bytes = 0;          // of the answer's body
  double milliseconds = 0;     // from the first bytes of the request to the last of the answer
  std::string_view replica;    // empty: no replica took part
  int version = 0;             // 0: none
  std::string_view id;         // header X-Request-Id, or empty
};

// Without the time, which the log puts first: `{"time":T,` and then this.
std::string to_line(const Access& access);

class AccessLog {
 public:
  // Opens `path` for appending, mode 0600 where it is made. Throws io_error.
  AccessLog(const std::string& path, const Log& log);
  // Writes what is left.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void record(const Access& access);

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace podium::serve
