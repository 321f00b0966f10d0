// ServiceFeedback: feedback that clients gave, until there is enough of it for a rollout.
//
// An image and what was said of it is an episode of one step. `steps` of them, of one version, are
// an experience; so many experiences are a rollout. Feedback about versions that are not known, or
// about another kind of image, teaches nothing: it is dropped and counted. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "learn/experience.hpp"
#include "serve/feedback/feedback_sink.hpp"

namespace podium::learn {

// What a rollout is, as the hub says.
struct RolloutShape {
  size_t experiences = 0;
  int steps = 0;
  size_t observation_bytes = 0;
  int actions = 0;
};

class ServiceFeedback {
 public:
  // Decisions of the service's version `number` were `version`'s. The latest 64 are known.
  void know(int number, const Version& version);

  // The job's weights are `version`: what was newer is of its past that it did not keep.
  void forget_newer(const Version& version);

  void add(serve::Feedback feedback);
  // The experiences of a rollout; empty while there are not enough. What does not fit `shape` is
  // dropped.
  std::vector<Experience> take(uint64_t rollout, const RolloutShape& shape);

  size_t waiting() const { return waiting_; }
  uint64_t dropped() const { return dropped_; }

 private:
  bool fits(const serve::Feedback& feedback, const RolloutShape& shape) const;
  void drop_unfit(const RolloutShape& shape);

  std::map<int, Version> known_;                          // by the service's number
  std::map<int, std::deque<serve::Feedback>> by_number_;  // the oldest first
  size_t waiting_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace podium::learn
