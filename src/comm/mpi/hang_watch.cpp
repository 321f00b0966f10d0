#include "comm/mpi/hang_watch.hpp"

#include <mpi.h>
#include <unistd.h>

#include <utility>

#include "comm/mpi/mpi_environment.hpp"
#include "core/clock.hpp"

namespace podium::comm {
namespace {

constexpr auto interval = std::chrono::milliseconds(100);

int64_t now_ns() {
  return SteadyClock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

[[noreturn]] void end_job(const std::string& story) {
  const std::string line = "podium: error: " + story + "\n";
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) {  // nobody is left to tell
  }
  MpiEnvironment::abort(ExitCode::internal);
}

}  // namespace

HangWatch::HangWatch() : thread_([this] { look(); }) {}

HangWatch::~HangWatch() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

HangWatch::Guard::Guard(HangWatch& watch, std::chrono::milliseconds limit,
                        std::function<std::string()> story)
    : watch_(watch) {
  const std::lock_guard lock(watch_.mutex_);
  watch_.story_ = std::move(story);
  watch_.due_ns_ = now_ns() + limit / std::chrono::nanoseconds(1);
}

HangWatch::Guard::~Guard() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.due_ns_ = 0;
}

void HangWatch::look() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [this] { return ends_; })) {
    if (due_ns_ != 0 && now_ns() > due_ns_) end_job(story_());
  }
}

}  // namespace podium::comm
