#include "ckpt/engine/uploader.hpp"

#include <exception>

#include "core/span_names.hpp"

namespace podium::ckpt::engine {

Uploader::Uploader(Stages& stages, size_t spans)
    : stages_(stages), spans_(spans), thread_([this] { run(); }) {}

Uploader::~Uploader() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Uploader::request(size_t buffer, std::span<const std::byte> bucket) {
  const std::lock_guard lock(mutex_);
  buffer_ = buffer;
  bucket_ = bucket;
  busy_ = true;
  failure_.clear();
  changed_.notify_all();
}

// A copy takes as long as it takes: there is nobody else to wait for.
const std::string& Uploader::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !busy_; });
  return failure_;
}

void Uploader::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return busy_ || ending_; });
    if (ending_) return;
    lock.unlock();
    const int64_t begin = trace_now_ns();
    std::string failure;
    try {
      stages_.upload(buffer_, bucket_);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    lock.lock();
    spans_.add(spans::h2d, begin);
    failure_ = std::move(failure);
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace podium::ckpt::engine
