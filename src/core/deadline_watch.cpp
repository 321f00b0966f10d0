#include "core/deadline_watch.hpp"

#include <algorithm>
#include <chrono>

namespace podium {
namespace {

constexpr double longest_s = 1e8;  // a clock cannot count further

}  // namespace

DeadlineWatch::DeadlineWatch(std::optional<double> seconds, const Stopwatch& since,
                             std::function<void()> handler)
    : handler_(std::move(handler)) {
  if (!seconds) return;
  const double left = std::clamp(*seconds - since.seconds(), 0.0, longest_s);
  thread_ = std::thread([this, left] { watch(left); });
}

DeadlineWatch::~DeadlineWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void DeadlineWatch::watch(double seconds) {
  std::unique_lock lock(mutex_);
  const std::chrono::duration<double> limit(seconds);
  if (changed_.wait_for(lock, limit, [this] { return ending_; })) return;
  lock.unlock();
  handler_();
}

}  // namespace podium
