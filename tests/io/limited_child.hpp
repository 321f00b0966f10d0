// A child process whose files cannot grow past a limit: a full disk without filling one.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "core/error.hpp"

namespace podium::test {

// Runs `action` in a forked child under RLIMIT_FSIZE and returns its exit code: that of the Error
// it threw, 0 for none, 128 + the signal that killed it.
template <typename Action>
int run_with_file_limit(uint64_t bytes, Action&& action) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);  // writes then fail with EFBIG
    const rlimit limit{bytes, bytes};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(1);
    try {
      action();
      std::exit(0);
    } catch (const Error& error) {
      std::exit(static_cast<int>(error.code()));
    } catch (...) {
      _exit(1);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace podium::test
