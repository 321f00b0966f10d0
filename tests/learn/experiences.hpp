// Experiences for tests: made of their id, so that what comes back can be recognised.
#pragma once

#include <vector>

#include "core/random.hpp"
#include "learn/experience.hpp"

namespace podium::test {

inline constexpr size_t observation_bytes = 3;
inline constexpr int actions = 4;

inline learn::Experience experience(uint64_t id, uint64_t made_at = 0, int steps = 1) {
  Random random(id, 7);
  learn::Experience made;
  made.id = id;
  made.explorer = static_cast<int>(id % 5);
  made.rollout = id / 4;
  made.version = {made_at * 2, made_at};
  made.steps = steps;
  made.priority = random.normal();
  for (size_t i = 0; i < (static_cast<size_t>(steps) + 1) * observation_bytes; ++i) {
    made.observations.push_back(static_cast<std::byte>(random.below(256)));
  }
  for (int step = 0; step < steps; ++step) {
    made.actions.push_back(static_cast<int32_t>(random.below(actions)));
    made.log_probability.push_back(-static_cast<float>(random.uniform()));
    made.rewards.push_back(static_cast<float>(random.below(2)));
    made.ends.push_back(static_cast<learn::Ending>(random.below(3)));
  }
  return made;
}

inline learn::Experience unrewarded(uint64_t id, uint64_t made_at = 0, int steps = 1) {
  learn::Experience made = experience(id, made_at, steps);
  made.rewards.assign(static_cast<size_t>(steps), learn::awaited_reward);
  return made;
}

inline std::vector<uint64_t> ids(const std::vector<learn::Experience>& batch) {
  std::vector<uint64_t> found;
  for (const learn::Experience& one : batch) found.push_back(one.id);
  return found;
}

}  // namespace podium::test
