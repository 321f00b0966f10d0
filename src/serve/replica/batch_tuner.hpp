// BatchTuner: how large batches may be and how long they wait, so that a p99 of latency holds.
// Pure.
//
// Two knobs, both moved as TCP moves its window: up by a step, down by a factor (Chiu & Jain 1989;
// for batches, Clipper, Crankshaw et al. 2017). The size is what overload needs: a larger batch
// computes more images a second. It is bounded by time: a request that just misses a batch waits
// for that one and for its own, so twice the time of a batch must stay below the target. The delay
// is what light load can afford: batches that wait are fewer and fuller. A window of requests is
// looked at together; a knob moves at most once a window. Used by one thread.
#pragma once

#include <chrono>
#include <vector>

namespace podium::serve {

class BatchTuner {
 public:
  using Time = std::chrono::microseconds;

  static constexpr int first_batch = 8;  // images, before anything is known
  static constexpr size_t window = 128;  // requests, and
  static constexpr int window_batches = 8;

  // REQUIRES: max_batch >= 1, target > 0.
  BatchTuner(int max_batch, Time target);

  int batch() const { return batch_; }  // 1 to max_batch
  Time delay() const { return delay_; }

  // A request of a batch was answered so long after it came.
  void answered(Time latency) { latencies_.push_back(latency); }
  // That batch, of so many images, took so long to compute.
  void computed(int images, Time infer);

 private:
  void judge();
  void less();
  void more();

  const int max_batch_;
  const Time target_;
  int batch_;
  Time delay_{0};
  std::vector<Time> latencies_;  // of this window
  Time slowest_{0};              // batch of this window
  int batches_ = 0;
  int full_ = 0;  // of these, those that held batch_ images
};

}  // namespace podium::serve
