// SignalWatch: turns POSIX signals into calls on an ordinary thread.
//
// Threads: block_signals() runs first in main(), before any thread exists, so that every thread
// inherits the mask; one SignalWatch then receives the signals on a thread of its own and calls the
// handler there. Nothing runs in signal context, so the handler may lock and log.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <thread>

namespace podium {

// Blocks `signals` in the calling thread and in those it starts later.
void block_signals(std::initializer_list<int> signals);

// For a worker process: schedulers may signal all processes of a job, and the ranks still need their
// workers to stop in good order. SIGTERM, SIGINT, SIGHUP and SIGUSR1 do nothing to it from now on;
// it ends with the socket to its rank.
void leave_signals_to_the_job();

class SignalWatch {
 public:
  // REQUIRES: `signals` are blocked in all threads.
  SignalWatch(std::initializer_list<int> signals, std::function<void(int)> handler);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch();

  sigset_t set_{};
  std::function<void(int)> handler_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace podium
