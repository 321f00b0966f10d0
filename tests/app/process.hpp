// Process: a command with its output in files, for tests of the whole executable.
//
// The command runs in a process group of its own, which is killed when the Process goes away or its
// time is over, so that no test leaves anything behind.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "temporary_folder.hpp"

extern char** environ;

namespace podium::test {

// The processes whose parent is `parent`, from /proc, in order of their start.
inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string stat;
    if (!std::getline(file, stat)) continue;
    std::istringstream after_name(stat.substr(stat.rfind(')') + 1));
    char state = 0;
    pid_t its_parent = 0;
    after_name >> state >> its_parent;
    if (its_parent == parent) children.push_back(std::stoi(entry.path().filename().string()));
  }
  std::ranges::sort(children);
  return children;
}

// What runs in the process `pid`; empty when it has ended.
inline std::string name_of(pid_t pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return name;
}

class Process {
 public:
  explicit Process(std::vector<std::string> command) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out_file().c_str(), O_WRONLY | O_CREAT, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, err_file().c_str(), O_WRONLY | O_CREAT, 0644);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int error = posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) throw std::runtime_error("cannot start " + command.front());
  }
  ~Process() {
    if (running()) ::kill(-pid_, SIGKILL);
    if (pid_ > 0 && status_ < 0) ::waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  std::string out() const { return read(out_file()); }
  std::string err() const { return read(err_file()); }

  bool running() {
    if (pid_ <= 0 || status_ >= 0) return false;
    int raw = 0;
    if (::waitpid(pid_, &raw, WNOHANG) != pid_) return true;
    status_ = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    return false;
  }

  // The exit status; 124 if the command had to be killed after `limit`.
  int wait(std::chrono::seconds limit = std::chrono::seconds(100)) {
    if (wait_until([this] { return !running(); }, limit)) return status_;
    ::kill(-pid_, SIGKILL);
    return 124;
  }

  void signal(int number) const { ::kill(pid_, number); }

  // Waits until `text` is in the error output. False when the time is over or the command ended.
  bool wait_for_err(const std::string& text,
                    std::chrono::seconds limit = std::chrono::seconds(60)) {
    wait_until([&] { return err().find(text) != std::string::npos || !running(); }, limit);
    return err().find(text) != std::string::npos;
  }

  // The same of the standard output.
  bool wait_for_out(const std::string& text,
                    std::chrono::seconds limit = std::chrono::seconds(60)) {
    wait_until([&] { return out().find(text) != std::string::npos || !running(); }, limit);
    return out().find(text) != std::string::npos;
  }

  // The object after PODIUM_RESULT; null when there is none.
  nlohmann::json result() const {
    std::istringstream lines(out());
    const std::string prefix = "PODIUM_RESULT ";
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(prefix)) return nlohmann::json::parse(line.substr(prefix.size()));
    }
    return {};
  }

  // The last line of the error output.
  std::string last_words() const {
    std::istringstream lines(err());
    std::string last;
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) last = line;
    }
    return last;
  }

 private:
  template <typename Done>
  static bool wait_until(Done done, std::chrono::seconds limit) {
    const Deadline deadline(limit);
    Backoff backoff(Backoff::Kind::idle);
    while (!done()) {
      if (deadline.expired()) return false;
      backoff.pause();
    }
    return true;
  }

  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::string out_file() const { return (folder_.path() / "out").string(); }
  std::string err_file() const { return (folder_.path() / "err").string(); }

  TemporaryFolder folder_;
  pid_t pid_ = -1;
  int status_ = -1;
};

}  // namespace podium::test
