#include "standard_output.hpp"

#include <unistd.h>

#include <cerrno>

#include "core/error.hpp"

namespace podium {

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE || errno == EBADF) {
      return;
    } else if (errno != EINTR) {
      throw io_error("cannot write", "standard output", errno);
    }
  }
}

}  // namespace podium
