// FeedbackSink: the seam to whoever learns from feedback (learn/service_explorer.hpp).
#pragma once

#include "serve/feedback/decision.hpp"

namespace podium::serve {

struct Feedback {
  Decision decision;
  float reward = 0;
};

class FeedbackSink {
 public:
  virtual ~FeedbackSink() = default;
  // Takes it, or returns false when it cannot take more now. Called on the service's thread: it
  // does not wait.
  virtual bool take(Feedback feedback) = 0;
};

}  // namespace podium::serve
