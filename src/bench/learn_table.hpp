// The table of `podium bench learn` and of `podium learn --learn.profile`: the same work in all
// modes, side by side: time, speed-up over the synchronous mode and what the parts allow, where the
// time went, staleness.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/samples.hpp"
#include "learn/mode_profile.hpp"
#include "learn/pace.hpp"
#include "learn/timed_environment.hpp"

namespace podium::bench {

// Learning in one mode, once.
struct LearnMeasurement {
  learn::ModeProfile profile;
  double staleness_mean = 0;  // updates, at consumption
  uint64_t staleness_max = 0;
};

// All of one mode with one kind of rollouts.
struct LearnRow {
  std::string rollouts;  // "even", "long-tailed"; empty: as they are
  std::string mode;
  int explorers = 1;
  Samples batch_s;
  Samples rollout_s;
  Samples train_s;
  Samples sync_s;
  Samples utilisation;
  Samples bubble;
  Samples wake_up_s;
  Samples staleness_mean;
  uint64_t staleness_max = 0;
  double expected_s = 0;  // a batch, by the simulator from the synchronous mode's parts; 0: unknown

  void add(const LearnMeasurement& measured);
};

// REQUIRES: of each kind of rollouts there is a row "synchronous". Above 1 is faster.
double speed_up(const std::vector<LearnRow>& rows, const LearnRow& row);
// By the parts as the synchronous mode has them.
double best_speed_up(const std::vector<LearnRow>& rows, const LearnRow& row);

// What the machine of all modes gives a batch, by a clock that is made up: with rollouts as long as
// `steps` of `times`, and the other parts as they were measured.
double expected_batch_s(const learn::PaceOptions& pace, int explorers,
                        const learn::StepTimes& times, const learn::ModeProfile& parts);

// Aligned columns with a heading, ending in a newline.
std::string to_text(const std::vector<LearnRow>& rows);
// As the rows of other benchmarks: ours in batches/s, theirs those of the synchronous mode.
nlohmann::ordered_json to_json(const std::vector<LearnRow>& rows);

}  // namespace podium::bench
