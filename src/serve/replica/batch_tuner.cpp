#include "serve/replica/batch_tuner.hpp"

#include <algorithm>

namespace podium::serve {
namespace {

constexpr int size_steps = 16;   // from 0 to max_batch
constexpr int delay_steps = 64;  // from 0 to the target
constexpr int most_delay = 4;    // a batch waits at most this part of the target

// Of the window; reorders it.
BatchTuner::Time p99(std::vector<BatchTuner::Time>* latencies) {
  const auto rank = latencies->begin() + static_cast<ptrdiff_t>((latencies->size() - 1) * 99 / 100);
  std::nth_element(latencies->begin(), rank, latencies->end());
  return *rank;
}

}  // namespace

BatchTuner::BatchTuner(int max_batch, Time target)
    : max_batch_(max_batch), target_(target), batch_(std::min(first_batch, max_batch)) {}

void BatchTuner::computed(int images, Time infer) {
  ++batches_;
  if (images >= batch_) ++full_;
  slowest_ = std::max(slowest_, infer);
  if (latencies_.size() < window || batches_ < window_batches) return;
  judge();
  latencies_.clear();
  slowest_ = Time(0);
  batches_ = full_ = 0;
}

// Between the two bounds nothing moves.
void BatchTuner::judge() {
  const Time measured = p99(&latencies_);
  if (measured > target_) {
    less();
  } else if (measured < target_ * 4 / 5) {
    more();
  }
}

// Too slow. When batches are full although they are fast enough, larger ones are what helps.
void BatchTuner::less() {
  delay_ = delay_ < target_ / delay_steps ? Time(0) : delay_ / 2;
  if (2 * slowest_ > target_) {
    batch_ = std::max(1, batch_ * 3 / 4);
  } else if (2 * full_ >= batches_) {
    batch_ = std::min(max_batch_, batch_ + std::max(1, max_batch_ / size_steps));
  }
}

void BatchTuner::more() {
  if (2 * full_ >= batches_) {
    if (2 * slowest_ > target_) return;
    batch_ = std::min(max_batch_, batch_ + std::max(1, max_batch_ / size_steps));
  } else {
    delay_ = std::min(target_ / most_delay, delay_ + std::max(Time(1), target_ / delay_steps));
  }
}

}  // namespace podium::serve
