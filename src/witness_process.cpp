// The witness itself (witness.hpp): it waits, looks who dies, and tells what it has seen.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "core/clock.hpp"
#include "core/json_lines.hpp"
#include "core/signals.hpp"
#include "core/text.hpp"
#include "witness.hpp"

namespace podium {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto order_limit = 30s;
constexpr auto others_limit = 20s;  // for the other ranks to be gone
constexpr auto moment = 500ms;      // for files to be there, and for a folder to be removed
constexpr auto turn_pause = 2s;     // between the witnesses of a job
constexpr auto report_limit = 25s;
constexpr size_t tail_bytes = 256 << 10;
constexpr size_t most_words = 300;  // characters of a rank's last line
constexpr size_t most_ranks = 256;  // whose last lines go into the event

int64_t now_ns() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

// How often the kernel has killed a process here for want of memory.
int64_t memory_kills() {
  std::ifstream file("/proc/vmstat");
  std::string key;
  for (int64_t value = 0; file >> key >> value;) {
    if (key == "oom_kill") return value;
  }
  return 0;
}

// A process that may die. Where the kernel is too old to tell (before Linux 5.3) it is asked now
// and then whether it still is there.
struct Watched {
  const SeenRank* rank = nullptr;  // empty: the launcher
  pid_t process = 0;
  FileDescriptor handle = {};
  std::optional<int64_t> gone_ns = {};
};

class Watch {
 public:
  explicit Watch(const WitnessOrder& order) {
    if (order.launcher > 0) add(nullptr, order.launcher);
    for (const SeenRank& seen : order.ranks) add(&seen, seen.process);
  }

  // Waits until the socket says something, which it returns true for, or a process is gone, or the
  // time is over.
  bool wait(int socket, std::chrono::milliseconds limit) {
    std::vector<pollfd> entries = {{socket, POLLIN, 0}};
    std::vector<Watched*> whose = {nullptr};
    bool blind = false;
    for (Watched& one : watched_) {
      if (one.gone_ns) continue;
      blind = blind || !one.handle;
      entries.push_back({one.handle.get(), POLLIN, 0});
      whose.push_back(&one);
    }
    const auto longest = blind ? std::min<std::chrono::milliseconds>(limit, 100ms) : limit;
    ::poll(entries.data(), entries.size(), static_cast<int>(longest.count()));
    for (size_t i = 1; i < entries.size(); ++i) {
      const bool gone =
          whose[i]->handle ? entries[i].revents != 0 : ::kill(whose[i]->process, 0) != 0;
      if (gone) whose[i]->gone_ns = now_ns();
    }
    return entries.front().revents != 0;
  }

  bool ranks_are_gone() const {
    return std::ranges::all_of(
        watched_, [](const Watched& one) { return one.rank == nullptr || one.gone_ns; });
  }

  // Who died first; empty when none is known to have.
  const Watched* first() const {
    const Watched* first = nullptr;
    for (const Watched& one : watched_) {
      if (one.gone_ns && (first == nullptr || *one.gone_ns < *first->gone_ns)) first = &one;
    }
    return first;
  }

 private:
  void add(const SeenRank* rank, pid_t process) {
    const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
    watched_.push_back({rank, process, FileDescriptor(handle)});
    if (handle < 0 && errno == ESRCH) watched_.back().gone_ns = now_ns();
  }

  std::vector<Watched> watched_;
};

std::string tail_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - static_cast<std::streamoff>(tail_bytes)));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string last_line(const fs::path& path) {
  std::istringstream lines(tail_of(path));
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) last = line;
  }
  return last.substr(0, most_words);
}

class Testimony {
 public:
  Testimony(const WitnessOrder& order, const Watch& watch, bool for_want_of_memory)
      : order_(order), watch_(watch), for_want_of_memory_(for_want_of_memory) {}

  // Whether this folder still tells of this job.
  bool is_wanted() const {
    std::string newest;
    std::getline(std::ifstream(job_mark(order_.run_dir)), newest);
    return newest == order_.job;
  }

  void write() const {
    if (is_told()) return;
    JsonLines(metrics_file(), Log()).write(event());
  }

 private:
  fs::path metrics_file() const { return order_.run_dir / "metrics.jsonl"; }

  double seconds_of(int64_t ns) const { return static_cast<double>(ns - order_.started_ns) * 1e-9; }

  // A rank that fails tells it before it dies, and so before the others are ended. What survivors
  // say of a rank that was killed comes later, and tells less.
  bool is_told() const {
    const Watched* first = watch_.first();
    std::istringstream lines(tail_of(metrics_file()));
    for (std::string line; std::getline(lines, line);) {
      const Json event = Json::parse(line, nullptr, false);
      if (!event.is_object() || text_in(event, "event") != "failed") continue;
      if (text_in(event, "job") != order_.job) continue;
      if (first == nullptr || event.contains("by")) return true;
      if (event.value("t_s", 0.0) <= seconds_of(*first->gone_ns)) return true;
    }
    return false;
  }

  // The last lines of the ranks of this job, by the names of their files.
  Json last_words() const {
    std::map<std::string, std::string> words;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(log_folder(order_.run_dir), error)) {
      const std::string name = entry.path().stem().string();
      if (entry.path().extension() != ".log" || !name.starts_with("rank-")) continue;
      if (words.size() < most_ranks && is_of_this_job(entry)) words[name] = last_line(entry.path());
    }
    return words;
  }

  bool is_of_this_job(const fs::directory_entry& entry) const {
    std::error_code error;
    const auto age = fs::file_time_type::clock::now() - entry.last_write_time(error);
    return !error && age < std::chrono::nanoseconds(now_ns() - order_.started_ns) + 1s;
  }

  Json event() const {
    const Watched* first = watch_.first();
    Json event = {{"event", "failed"}, {"job", order_.job}};
    event["rank"] = first != nullptr && first->rank != nullptr ? Json(first->rank->rank) : Json();
    event["role"] = first == nullptr         ? Json()
                    : first->rank == nullptr ? Json("launcher")
                                             : Json(first->rank->roles);
    event["node"] = order_.node;
    event["signal"] = nullptr;  // only its parent knows
    event["text"] = text(first);
    event["by"] = "witness";
    event["last_words"] = last_words();
    event["t_s"] = seconds_of(first == nullptr ? now_ns() : *first->gone_ns);
    return event;
  }

  std::string text(const Watched* first) const {
    const char* why = for_want_of_memory_
                          ? "was killed; meanwhile the kernel killed a process of this machine for "
                            "want of memory"
                          : "ended without a word: it was killed, or its node lost";
    if (first == nullptr) return std::string("the job ") + why;
    if (first->rank == nullptr) return "the launcher went first, and the ranks with it";
    if (order_.ranks.size() == 1) return format("rank %d %s", first->rank->rank, why);
    return format("rank %d went first: it %s", first->rank->rank, why);
  }

  const WitnessOrder& order_;
  const Watch& watch_;
  bool for_want_of_memory_;
};

// No terminal or pipe of the job waits for the end of this process.
void close_standard_streams() {
  const FileDescriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) return;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(nothing.get(), stream);
  }
}

// An executable that makes no reports refuses, which is all the same here.
void write_report(const fs::path& run_dir) {
  WorkerProcess report = WorkerProcess::start({"report", run_dir.string()});
  report.end(report_limit);
}

}  // namespace

int witness(const std::vector<std::string>& /*arguments*/) {
  ::prctl(PR_SET_NAME, "podium-witness");
  close_standard_streams();
  leave_signals_to_the_job();
  if (::chdir("/") != 0) return 0;
  Channel rank(FileDescriptor(worker_socket_fd), most_message_bytes);
  const std::optional<Json> told = rank.receive(order_limit);
  if (!told) return 0;
  const WitnessOrder order = witness_order_from(*told);
  Watch watch(order);
  const int64_t kills_before = memory_kills();

  while (!watch.wait(rank.descriptor(), 1h)) {
  }
  const std::optional<Json> word = rank.receive(1s);
  if (word && word->contains("ended")) return 0;

  const Deadline others(others_limit);
  while (!watch.ranks_are_gone() && !others.expired()) watch.wait(-1, 100ms);
  std::this_thread::sleep_for(moment + order.turn * turn_pause);
  const Testimony testimony(order, watch, memory_kills() > kills_before);
  if (testimony.is_wanted()) testimony.write();
  if (testimony.is_wanted()) write_report(order.run_dir);
  return 0;
}

}  // namespace podium
