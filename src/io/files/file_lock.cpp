#include "io/files/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::io {

FileLock::FileLock(const std::filesystem::path& path, std::chrono::milliseconds timeout,
                   const std::function<void()>& on_wait, Kind kind)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (!file_) throw io_error("cannot open the lock file", path.string(), errno);
  const Deadline deadline(timeout);
  Backoff backoff(Backoff::Kind::idle);
  bool waited = false;
  const int wish = kind == Kind::shared ? LOCK_SH : LOCK_EX;
  while (flock(file_.get(), wish | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw io_error("cannot lock", path.string(), errno);
    }
    if (deadline.expired()) {
      throw unavailable_error(
          "another process has held this lock for " + std::to_string(timeout.count()) + " ms",
          path.string(), "find it with `fuser` and end it, or wait longer");
    }
    if (!waited && on_wait) on_wait();
    waited = true;
    backoff.pause();
  }
}

}  // namespace podium::io
