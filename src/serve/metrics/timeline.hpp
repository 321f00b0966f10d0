// Timeline: the life of a service as events of metrics.jsonl: what it answered in each interval in
// which requests came, and at which moment replicas died, came and swapped.
//
// The intervals bound the file: one lasts as long as a tick at first, and a 600th of the service's
// age later, up to a minute. A service under load for days adds less than 1 MB a day.
//
// Threads: all but take() belong to the service's thread. What nobody takes is bounded: the oldest
// goes first.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/clock.hpp"
#include "serve/latency_histogram.hpp"

namespace podium::serve {

// Of a service: an event as metrics.jsonl has it, and when it was.
struct Happening {
  std::chrono::system_clock::time_point at;
  nlohmann::ordered_json event;
};

class Timeline {
 public:
  using Time = SteadyClock::time_point;
  static constexpr std::chrono::seconds tick_length{1};

  // Counters since the start, and how it is now.
  struct State {
    int64_t requests = 0;
    int64_t failed = 0;
    int64_t rejected = 0;
    int64_t waiting = 0;   // for a replica to take them
    int64_t replicas = 0;  // ready
  };

  explicit Timeline(Time start = SteadyClock::now()) : start_(start), began_(start) {}

  void answered(double milliseconds) { latency_.record(milliseconds); }
  // `ago`: how long ago it was.
  void happened(nlohmann::ordered_json event, std::chrono::nanoseconds ago = {});

  // Ends the interval if it is over, or `at_once`. To be called every tick.
  void tick(const State& state, Time now, bool at_once = false);

  // What has happened since the last call, in order. Any thread.
  std::vector<Happening> take();

  static std::chrono::nanoseconds interval_at(std::chrono::nanoseconds age);

 private:
  Time start_;
  Time began_;  // the interval
  State before_;
  LatencyHistogram latency_;  // of the interval
  std::mutex mutex_;          // guards happenings_
  std::deque<Happening> happenings_;
};

}  // namespace podium::serve
