#include "bench/peer.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/file_descriptor.hpp"
#include "core/worker_process.hpp"

namespace podium::bench {
namespace {

constexpr std::array pythons{"python3", "/usr/bin/python3"};

struct SpawnActions {
  SpawnActions() { posix_spawn_file_actions_init(&value); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t value;
};

std::vector<char*> c_pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

struct Ended {
  int status = 0;      // of waitpid
  std::string output;  // stdout
};

// Its stderr is dropped.
Ended run(std::vector<std::string> command) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) throw io_error("cannot make a pipe", "pipe2", errno);
  const FileDescriptor ours(pipe_ends[0]);
  FileDescriptor theirs(pipe_ends[1]);
  SpawnActions actions;
  posix_spawn_file_actions_adddup2(&actions.value, theirs.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions.value, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> environment = worker_environment();
  const std::vector<char*> argv = c_pointers(command);
  const std::vector<char*> env = c_pointers(environment);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0], &actions.value, nullptr, argv.data(), env.data());
  if (error != 0) {
    throw unavailable_error("cannot start the peer", command.front(), "install it");
  }
  theirs.reset();
  Ended ended{0, read_all(ours.get())};
  while (waitpid(pid, &ended.status, 0) < 0 && errno == EINTR) {
  }
  return ended;
}

bool succeeded(const Ended& ended) {
  return WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 0;
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

nlohmann::json run_peer(const std::vector<std::string>& command) {
  const Ended ended = run(command);
  const nlohmann::json result = nlohmann::json::parse(last_line(ended.output), nullptr, false);
  if (!succeeded(ended) || !result.is_object()) {
    throw unavailable_error("the peer failed", command.back(), "run it by hand to see why");
  }
  return result;
}

std::string python_with(const std::string& module) {
  for (const char* python : pythons) {
    try {
      if (succeeded(run({python, "-c", "import " + module}))) return python;
    } catch (const Error&) {
      continue;  // this one is not installed
    }
  }
  return "";
}

}  // namespace podium::bench
