#include "serve/feedback/feedback_memory.hpp"

#include <span>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::serve {
namespace {

uint64_t hash_of(const std::string& id) {
  return xxh3(std::as_bytes(std::span(id)));
}

}  // namespace

FeedbackMemory::FeedbackMemory(size_t most_decisions, size_t most_bytes)
    : most_(most_decisions), most_bytes_(most_bytes), forgotten_(most_decisions) {}

void FeedbackMemory::add(uint64_t request, const DecisionView& decision) {
  if (most_ == 0 || decision.id.size() > most_feedback_id_bytes) return;
  std::string id(decision.id);
  Entry& entry = known_[id];
  const bool again = entry.turn > 0;
  if (again && entry.request != request && entry.state != State::rewarded) {
    entry.state = State::ambiguous;
    let_go(entry);
    return;
  }
  let_go(entry);
  entry = {request,
           ++next_turn_,
           State::awaited,
           {decision.version, decision.action, decision.probability, std::string(decision.image)}};
  bytes_ += entry.decision.image.size();
  turns_.emplace_back(entry.turn, std::move(id));
  while (turns_.size() > most_ || bytes_ > most_bytes_) forget_oldest();
}

// Its image is needed no more.
void FeedbackMemory::let_go(Entry& entry) {
  bytes_ -= entry.decision.image.size();
  entry.decision.image = {};
}

void FeedbackMemory::forget_oldest() {
  const auto [turn, id] = std::move(turns_.front());
  turns_.pop_front();
  const auto found = known_.find(id);
  if (found == known_.end() || found->second.turn != turn) return;  // it came again since
  let_go(found->second);
  known_.erase(found);
  const uint64_t hash = hash_of(id);
  if (!forgotten_.contains(hash)) forgotten_.add(hash);
}

FeedbackMemory::State FeedbackMemory::state(const std::string& id) const {
  const auto found = known_.find(id);
  if (found != known_.end()) return found->second.state;
  return forgotten_.contains(hash_of(id)) ? State::forgotten : State::unknown;
}

const Decision& FeedbackMemory::decision(const std::string& id) const {
  require(state(id) == State::awaited, "a decision is awaited", "FeedbackMemory");
  return known_.at(id).decision;
}

void FeedbackMemory::mark_rewarded(const std::string& id) {
  Entry& entry = known_.at(id);
  let_go(entry);
  entry.state = State::rewarded;
}

}  // namespace podium::serve
