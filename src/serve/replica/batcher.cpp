#include "serve/replica/batcher.hpp"

namespace podium::serve {

void Batcher::push(QueuedInference request) {
  const std::lock_guard lock(mutex_);
  queued_images_ += request.inference.n;
  queue_.push_back(std::move(request));
  changed_.notify_one();
}

std::vector<QueuedInference> Batcher::next_batch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
  if (!closed_ && delay_.count() > 0) {
    const auto full = [&] { return closed_ || queued_images_ >= max_batch_; };
    changed_.wait_until(lock, queue_.front().received + delay_, full);
  }
  if (closed_) return {};
  return take_locked();
}

std::vector<QueuedInference> Batcher::take_locked() {
  std::vector<QueuedInference> batch;
  int64_t images = 0;
  while (!queue_.empty()) {
    const int next = queue_.front().inference.n;
    if (!batch.empty() && images + next > max_batch_) break;
    images += next;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_images_ -= images;
  return batch;
}

void Batcher::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace podium::serve
