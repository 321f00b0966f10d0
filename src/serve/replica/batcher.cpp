#include "serve/replica/batcher.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace podium::serve {
namespace {

// When a request's batch is to be computed, however small it is.
SteadyClock::time_point due(const QueuedInference& request, std::chrono::microseconds delay) {
  const auto half_time = request.received + (request.deadline - request.received) / 2;
  return std::min(request.received + delay, half_time);
}

}  // namespace

Batcher::Requests Batcher::push(QueuedInference request) {
  const std::lock_guard lock(mutex_);
  const bool first = queue_.empty();
  const bool was_full = full();
  const bool sooner = delay_.count() > 0 && due(request, delay_) < due_;
  queued_images_ += request.inference.n;
  queued_bytes_ += request.inference.images.size();
  queue_.emplace(turns_.take(request.fields.priority), std::move(request));
  Requests turned_away;
  while (queued_bytes_ > most_bytes_ && queue_.size() > 1) {
    turned_away.push_back(remove(std::prev(queue_.end())));
  }
  news_ = news_ || first || sooner || (!was_full && full());
  return turned_away;
}

void Batcher::announce() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(news_, false)) return;
  }
  changed_.notify_one();
}

Batcher::Batch Batcher::next_batch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
  if (!closed_ && delay_.count() > 0) wait_for_company(&lock);
  if (closed_) return {};
  return take_locked();
}

void Batcher::wait_for_company(std::unique_lock<std::mutex>* lock) {
  while (!closed_ && !full()) {
    due_ = SteadyClock::time_point::max();
    for (const auto& [turn, request] : queue_) due_ = std::min(due_, due(request, delay_));
    if (changed_.wait_until(*lock, due_) == std::cv_status::timeout) break;
  }
  due_ = {};
}

Batcher::Batch Batcher::take_locked() {
  const auto now = SteadyClock::now();
  news_ = false;
  Batch batch;
  int64_t images = 0;
  while (!queue_.empty()) {
    const auto first = queue_.begin();
    if (first->second.deadline <= now) {
      batch.late.push_back(remove(first));
      continue;
    }
    const int next = first->second.inference.n;
    if (!batch.requests.empty() && images + next > max_batch_) break;
    images += next;
    batch.requests.push_back(remove(first));
  }
  return batch;
}

QueuedInference Batcher::remove(Queue::iterator request) {
  QueuedInference result = std::move(request->second);
  queue_.erase(request);
  queued_images_ -= result.inference.n;
  queued_bytes_ -= result.inference.images.size();
  return result;
}

void Batcher::tune(int max_batch, std::chrono::microseconds delay) {
  const std::lock_guard lock(mutex_);
  max_batch_ = max_batch;
  delay_ = delay;
}

void Batcher::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace podium::serve
