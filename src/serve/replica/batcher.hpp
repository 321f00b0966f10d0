// Batcher: gathers requests into batches, first come, first served.
//
// A batch takes whatever is queued, up to `max_batch` images; a request that is larger makes a
// batch of its own. With a delay, a batch that is not full waits until its oldest request is that
// old. Thread-safe; one thread takes batches.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "core/clock.hpp"
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
};

class Batcher {
 public:
  Batcher(int max_batch, std::chrono::milliseconds delay) : max_batch_(max_batch), delay_(delay) {}

  void push(QueuedInference request);

  // Waits for the next batch; empty after close().
  std::vector<QueuedInference> next_batch();

  // Ends the waiting; requests that are queued are dropped.
  void close();

 private:
  std::vector<QueuedInference> take_locked();

  const int max_batch_;
  const std::chrono::milliseconds delay_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<QueuedInference> queue_;
  int64_t queued_images_ = 0;
  bool closed_ = false;
};

}  // namespace podium::serve
