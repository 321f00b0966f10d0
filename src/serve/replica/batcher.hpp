// Batcher: gathers requests into batches, in the order of their turns (turns.hpp).
//
// A batch takes whatever is queued, up to `max_batch` images; a request that is larger makes a
// batch of its own. With a delay, a batch that is not full waits until one of its requests is that
// old, or has used up half the time it has. A request past its deadline is not computed. The queue
// is bounded: what would come last is turned away. Thread-safe; one thread takes batches. It sleeps
// until requests are announced, those that arrived together all at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "core/clock.hpp"
#include "serve/balancer/turns.hpp"
#include "serve/protocol/message.hpp"
#include "serve/protocol/request_parser.hpp"

namespace podium::serve {

// One parsed request that waits to be computed.
struct QueuedInference {
  uint64_t id = 0;  // of its frame
  bool predict = false;
  int version = 0;  // asked for; 0: any
  Inference inference;
  SteadyClock::time_point received{};
  SteadyClock::time_point parsed{};
  RequestFields fields;
  SteadyClock::time_point deadline = SteadyClock::time_point::max();
};

class Batcher {
 public:
  using Requests = std::vector<QueuedInference>;

  // `most_bytes` bounds the images that are queued; a request alone is always taken.
  Batcher(int max_batch, std::chrono::microseconds delay, size_t most_bytes = size_t{512} << 20)
      : max_batch_(max_batch), delay_(delay), most_bytes_(most_bytes) {}

  // Returns the requests for which there is no room, often none.
  Requests push(QueuedInference request);
  // Tells the taker of what was pushed, where that changes what it does.
  void announce();

  struct Batch {
    Requests requests;
    Requests late;  // past their deadlines
  };
  // Waits for the next batch. Nothing in it after close().
  Batch next_batch();

  // For the batches from now on.
  void tune(int max_batch, std::chrono::microseconds delay);

  // Ends the waiting; requests that are queued are dropped.
  void close();

 private:
  using Queue = std::map<uint64_t, QueuedInference>;  // by turn

  bool full() const { return queued_images_ >= max_batch_; }
  void wait_for_company(std::unique_lock<std::mutex>* lock);
  Batch take_locked();
  QueuedInference remove(Queue::iterator request);

  int max_batch_;
  std::chrono::microseconds delay_;
  const size_t most_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Turns turns_;
  Queue queue_;
  int64_t queued_images_ = 0;
  size_t queued_bytes_ = 0;
  SteadyClock::time_point due_{};  // of the batch that waits for company
  bool news_ = false;              // that the taker must hear of
  bool closed_ = false;
};

}  // namespace podium::serve
