#include "core/worker_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"

extern char** environ;

namespace podium {
namespace {

constexpr std::array<std::string_view, 8> launcher_prefixes = {"OMPI_", "PMIX_",  "PMI_", "PRTE_",
                                                               "ORTE_", "SLURM_", "MPI_", "HYDRA_"};

struct SpawnActions {
  posix_spawn_file_actions_t value;
  SpawnActions() { posix_spawn_file_actions_init(&value); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
};

// Empty signal mask, default SIGTERM/SIGINT/SIGPIPE, own process group.
struct SpawnAttributes {
  posix_spawnattr_t value;
  SpawnAttributes() {
    posix_spawnattr_init(&value);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&value, &none);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGPIPE}) sigaddset(&defaults, number);
    posix_spawnattr_setsigdefault(&value, &defaults);
    posix_spawnattr_setpgroup(&value, 0);
    posix_spawnattr_setflags(
        &value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
};

std::vector<char*> c_pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

WorkerExit exit_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {128 + WTERMSIG(wait_status)};
  return {WEXITSTATUS(wait_status)};
}

}  // namespace

std::vector<std::string> worker_environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool launcher = std::ranges::any_of(
        launcher_prefixes, [&](std::string_view prefix) { return text.starts_with(prefix); });
    if (!launcher) kept.emplace_back(text);
  }
  return kept;
}

WorkerProcess WorkerProcess::start(const std::vector<std::string>& arguments) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    throw io_error("cannot make a socket pair for a worker", "socketpair", errno);
  }
  FileDescriptor ours(pair[0]);
  // A descriptor above the target, so that dup2 below always clears its close-on-exec flag.
  FileDescriptor theirs(fcntl(pair[1], F_DUPFD_CLOEXEC, worker_socket_fd + 1));
  ::close(pair[1]);
  if (!theirs) throw io_error("cannot duplicate a worker's socket", "fcntl", errno);

  std::vector<std::string> argv_texts = {"podium"};
  argv_texts.insert(argv_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> env_texts = worker_environment();
  const std::vector<char*> argv = c_pointers(argv_texts);
  const std::vector<char*> env = c_pointers(env_texts);

  SpawnActions actions;
  posix_spawn_file_actions_adddup2(&actions.value, theirs.get(), worker_socket_fd);
  // What MPI and other libraries have open stays with the parent.
  posix_spawn_file_actions_addclosefrom_np(&actions.value, worker_socket_fd + 1);
  SpawnAttributes attributes;
  pid_t pid = -1;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions.value, &attributes.value,
                                argv.data(), env.data());
  if (error != 0) throw io_error("cannot start a worker", "/proc/self/exe", error);
  return {pid, std::move(ours)};
}

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::move(other.socket_)),
      exit_(std::exchange(other.exit_, std::nullopt)) {}

WorkerProcess& WorkerProcess::operator=(WorkerProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(socket_, other.socket_);
  std::swap(exit_, other.exit_);
  return *this;
}

WorkerProcess::~WorkerProcess() {
  if (pid_ <= 0 || exit_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

std::optional<WorkerExit> WorkerProcess::poll() {
  if (exit_) return exit_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) exit_ = exit_of(status);
  return exit_;
}

void WorkerProcess::signal(int number) const {
  if (pid_ > 0 && !exit_) ::kill(pid_, number);
}

WorkerExit WorkerProcess::end(std::chrono::milliseconds grace) {
  const Deadline deadline(grace);
  Backoff backoff(Backoff::Kind::idle);
  while (!poll()) {
    if (deadline.expired()) {
      signal(SIGKILL);
      int status = 0;
      while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
      exit_ = exit_of(status);
      break;
    }
    backoff.pause();
  }
  return *exit_;
}

}  // namespace podium
