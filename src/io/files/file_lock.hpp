// FileLock: ownership of a lock file between processes, and between threads: one's own, or shared
// with others who are content to share it.
//
// flock(2) on a file that stays in place; the kernel frees it when its holder dies. A waiting
// process sleeps. Move-only; released by the destructor.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>

#include "core/file_descriptor.hpp"

namespace podium::io {

class FileLock {
 public:
  enum class Kind { exclusive, shared };

  // An empty lock that holds nothing.
  FileLock() = default;

  // Creates `path` if need be and waits up to `timeout` for the lock. `on_wait`, if given, is
  // called once when the lock is not free at first. Throws io_error, and unavailable_error on
  // timeout.
  FileLock(const std::filesystem::path& path, std::chrono::milliseconds timeout,
           const std::function<void()>& on_wait = {}, Kind kind = Kind::exclusive);

  void release() { file_.reset(); }

 private:
  FileDescriptor file_;
};

}  // namespace podium::io
