// Chooser: which class a replica names, and by which id feedback about it comes.
//
// Threads: an object belongs to one thread.
#pragma once

#include <span>
#include <string>

#include "core/random.hpp"
#include "serve/feedback/decision.hpp"

namespace podium::serve {

struct Choice {
  std::string id;
  int action = 0;
  float probability = 1;
};

class Chooser {
 public:
  // REQUIRES: `deciding` is not silent.
  Chooser(Deciding deciding, uint64_t seed) : deciding_(deciding), random_(seed) {}

  // `probabilities` [classes] are finite. `own_id` is the request's; one is made where it does not
  // serve.
  Choice choose(std::span<const float> probabilities, std::string own_id);

 private:
  Deciding deciding_;
  Random random_;
};

// The id of a request to infer, or to predict, whose id is JSON text (inference.hpp).
std::string own_feedback_id(const std::string& id, bool predict);

}  // namespace podium::serve
