#include "ckpt/background_task.hpp"

#include <exception>

#include "core/error.hpp"

namespace podium::ckpt {

void BackgroundTask::start(std::function<void()> work) {
  require(!started(), "a background task starts when none is under way", "BackgroundTask");
  outcome_ = std::async(std::launch::async, std::move(work));
}

bool BackgroundTask::ends_within(std::chrono::milliseconds limit) const {
  return outcome_.wait_for(limit) == std::future_status::ready;
}

std::optional<std::string> BackgroundTask::take_outcome() {
  try {
    outcome_.get();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

}  // namespace podium::ckpt
