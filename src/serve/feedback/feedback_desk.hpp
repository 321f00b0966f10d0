// FeedbackDesk: what a POST to /feedback gets.
//
//   {"id": text or whole number, "reward": number}
//
// Lives on the service's thread. Part of the front door.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "serve/feedback/feedback_memory.hpp"
#include "serve/feedback/feedback_sink.hpp"

namespace podium::serve {

struct FeedbackOptions {
  size_t memory = 0;                   // answers that are remembered; 0: no feedback is taken
  bool explore = false;                // the class named is drawn by the probabilities
  std::shared_ptr<FeedbackSink> sink;  // null: feedback is counted and no more

  Deciding deciding() const {
    if (memory == 0) return Deciding::silent;
    return explore ? Deciding::explore : Deciding::likeliest;
  }
};

struct FeedbackStats {
  int64_t accepted = 0;
  int64_t refused = 0;      // unknown, doubled, late, or not understood
  int64_t turned_away = 0;  // the sink could not take them
  double rewards = 0;       // of those accepted, in all
};

class FeedbackDesk {
 public:
  explicit FeedbackDesk(const FeedbackOptions& options)
      : options_(options), memory_(options.memory) {}

  // A replica has told it.
  void decided(uint64_t request, const DecisionView& decision) { memory_.add(request, decision); }

  // The body of the answer 200. Throws RequestError: 400 for a body that is none, 404 where no
  // feedback is taken or the id is unknown, 409 for a second reward or an id that several requests
  // had, 410 for one that came too late, 413 for a body that is too large, 503 when whoever learns
  // cannot take more.
  std::string take(const std::string& body);

  const FeedbackStats& stats() const { return stats_; }

 private:
  std::string take_one(const std::string& body);
  void require_awaited(const std::string& id) const;

  const FeedbackOptions& options_;
  FeedbackMemory memory_;
  FeedbackStats stats_;
};

}  // namespace podium::serve
