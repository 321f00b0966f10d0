// ModeProfile: where the time of learning in one mode went, from what explorers and trainers did
// when; and how fast it could have been with the same parts.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "learn/accounting.hpp"

namespace podium::learn {

// What was done when, on one machine.
struct Timeline {
  std::map<int, std::vector<SpentSpan>> explorers;  // in order
  std::vector<SpentSpan> trainers;                  // of the leading one
  std::vector<int64_t> trained_ns;                  // when each batch was
  std::vector<int64_t> published_ns;                // when weights were, just before
};

struct ModeProfile {
  double batch_s = 0;      // from one batch to the next, mean
  double rollout_s = 0;    // of all explorers, a batch
  double train_s = 0;      // a batch
  double sync_s = 0;       // a batch: weights out of the trainers and into an explorer
  double utilisation = 0;  // share of all time in which explorers explored and trainers trained
  double bubble = 0;       // share in which they waited
  // From weights published to the first rollout with them, median over explorers that waited for
  // them; 0: none did.
  double wake_up_s = 0;
};

// Of the batches after the first `warm_up`. REQUIRES: there are more.
ModeProfile profile_of(const Timeline& timeline, size_t warm_up);

// What one batch takes at least, apart.
struct BatchParts {
  double rollout_s = 0;  // of all explorers together
  double train_s = 0;
  double sync_s = 0;
  int explorers = 1;
  double synchronous_s = 0;  // measured, one after the other; 0: the sum of the parts
};

// How many times faster than one after the other the parts allow: explorers are equally loaded,
// both sides work all the time, and the slower one decides.
double best_speed_up(const BatchParts& parts);

}  // namespace podium::learn
