// LearnProgress: how learning goes, as lines for people and for programs, and whether it is enough.
//
// Threads: belongs to the leading trainer's thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "core/board.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics_log.hpp"
#include "learn/hub.hpp"
#include "learn/layout.hpp"
#include "learn/trainers.hpp"
#include "learn_settings.hpp"

namespace podium {

// Of the experiences that were trained on, in updates.
struct Staleness {
  double mean = 0;
  uint64_t most = 0;
};
Staleness staleness_of(const learn::BufferCounts& counts);

class LearnProgress {
 public:
  // `past_s`: seconds that learning took before it was stopped. All outlive the object.
  LearnProgress(const LearnSettings& settings, const learn::Hub& hub, double past_s,
                MetricsLog& metrics, Board& board, Log log);

  void tell_begin(const learn::LearnLayout& layout, bool goes_on) const;
  // After a batch; whether that is enough.
  bool note(uint64_t batch, std::span<const learn::Update> updates);
  // While no batch can be drawn; whether it was enough.
  bool wait();

  double seconds() const { return past_s_ + since_.seconds(); }
  // Why it ended, for people.
  std::string story(learn::Ended ended) const;

 private:
  void look_at_time();
  void show(uint64_t batch, const learn::DeskReport& report, const learn::Update& last);

  const LearnSettings& settings_;
  const learn::Hub& hub_;
  double past_s_;
  MetricsLog& metrics_;
  Board& board_;
  Log log_;
  Stopwatch since_;
  Stopwatch since_line_;
  Stopwatch since_batch_;  // or since the last line about a wait
  uint64_t steps_at_line_ = 0;
  std::string enough_;  // why
};

}  // namespace podium
