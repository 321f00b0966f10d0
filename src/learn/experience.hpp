// Experience: a stretch of steps in one environment, taken by one version of the policy.
//
// It is the unit of the buffer and of a batch. `steps` steps follow one another; where an episode
// ended within them the environment was begun anew, and `ends` says so. Behind the last step stands
// one more observation, from which a critic can tell what was still to come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace podium::learn {

// Weights of the policy that were published, counted from 0: the initial ones. `made_at` is the
// number of optimizer updates that had made them: staleness is counted in those.
struct Version {
  uint64_t number = 0;
  uint64_t made_at = 0;

  bool operator==(const Version&) const = default;
};

// How an episode went on after a step.
enum class Ending : uint8_t {
  none,       // it went on
  terminal,   // it was over: nothing more was to come
  truncated,  // it was cut off: more would have come
};

// A reward that has not arrived yet (buffer.hpp).
inline constexpr float awaited_reward = std::numeric_limits<float>::quiet_NaN();

struct Experience {
  uint64_t id = 0;       // unique in the run; of a rollout and a place in it
  int explorer = 0;      // who made it
  uint64_t rollout = 0;  // for which order (pace.hpp)
  Version version;       // that acted
  int steps = 1;         // T

  std::vector<std::byte> observations;  // [T+1, observation bytes]
  std::vector<int32_t> actions;         // [T], in [0, actions)
  std::vector<float> log_probability;   // [T], of the action under `version`
  std::vector<float> rewards;           // [T]; awaited_reward where one is to come
  std::vector<Ending> ends;             // [T]

  double priority = 0;  // for a buffer that goes by it; larger is sooner
  int uses = 0;         // batches so far that it was in
};

}  // namespace podium::learn
