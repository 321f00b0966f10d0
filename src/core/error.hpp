// The one error type of the project and its exit codes.
//
// An Error says what went wrong, where (a file and offset, a key, a rank), and what to do about it.
// main() prints it as one line and exits with its code, so a user's mistake never shows a bare
// stack trace. Throwing code anywhere in the tree uses the five constructors below.
#pragma once

#include <stdexcept>
#include <string>

namespace podium {

// Exit codes that scripts rely on (docs/cli.md).
enum class ExitCode : int {
  done = 0,
  usage = 2,         // wrong command line or configuration
  bad_data = 65,     // input data damaged or of the wrong kind
  unavailable = 69,  // a needed service or device is absent
  internal = 70,     // a defect in Podium, or a hang that the watch ended
  io = 74,           // disk full, unwritable, unreadable
  stopped = 75,      // stopped early with a checkpoint: the same command goes on
};

class Error : public std::runtime_error {
 public:
  // REQUIRES: each text is one line. `where` and `remedy` may be empty.
  Error(ExitCode code, std::string what, std::string where, std::string remedy);

  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

[[nodiscard]] Error usage_error(std::string what, std::string where, std::string remedy);
[[nodiscard]] Error data_error(std::string what, std::string where, std::string remedy);
[[nodiscard]] Error unavailable_error(std::string what, std::string where, std::string remedy);
[[nodiscard]] Error internal_error(std::string what, std::string where, std::string remedy = "");

// An I/O error of the operating system: `what` failed on `path` with `errno_value`. The remedy is
// chosen from the errno (ENOSPC, EACCES, EROFS, ENOENT, ...).
[[nodiscard]] Error io_error(std::string what, std::string path, int errno_value);

// Throws internal_error(what, where) unless `condition` holds: for invariants of our own code.
void require(bool condition, const char* what, const char* where);

}  // namespace podium
