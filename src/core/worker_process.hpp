// WorkerProcess: a child of a rank that survives the child's crash (docs/architecture.md, "Who
// shares whose fate").
//
// The worker runs the same executable without MPI: the launcher's environment variables are removed
// and signals unblocked. Parent and worker share one connected Unix stream socket; in the worker it
// is file descriptor 3. The worker's life is tied to its parent's: when the parent dies, the socket
// reads end-of-file and the worker must exit. A terminal's Ctrl-C reaches only the parent, since a
// worker has a process group of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"

namespace podium {

// The descriptor on which a worker finds its end of the socket.
inline constexpr int worker_socket_fd = 3;

// How a worker ended: its exit status, or 128 + signal number.
struct WorkerExit {
  int status = 0;
};

class WorkerProcess {
 public:
  // Starts this executable (/proc/self/exe) with `arguments` (without argv[0]). Throws io_error.
  // REQUIRES: MPI may be running in the caller; posix_spawn is used, never fork alone.
  static WorkerProcess start(const std::vector<std::string>& arguments);

  WorkerProcess(WorkerProcess&& other) noexcept;
  WorkerProcess& operator=(WorkerProcess&& other) noexcept;
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  // Kills and reaps a worker that still runs.
  ~WorkerProcess();

  pid_t pid() const { return pid_; }

  // The parent's end of the socket; take_socket() hands it over once.
  FileDescriptor take_socket() { return std::move(socket_); }

  // Reaps the worker if it has ended; empty while it runs. After a result pid() is no longer valid.
  std::optional<WorkerExit> poll();

  // Sends a signal if the worker still runs.
  void signal(int number) const;

  // Waits up to `grace` for the worker to end, then kills it. Returns how it ended.
  WorkerExit end(std::chrono::milliseconds grace);

 private:
  WorkerProcess(pid_t pid, FileDescriptor socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_ = -1;
  FileDescriptor socket_;
  std::optional<WorkerExit> exit_;
};

// The environment for a worker: this process's, less what a launcher set for its MPI ranks
// (OMPI_*, PMIX_*, PMI_*, SLURM_* and the like). Entries as "NAME=value".
std::vector<std::string> worker_environment();

}  // namespace podium
