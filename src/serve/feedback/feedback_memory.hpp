// FeedbackMemory: the latest decisions, until feedback about them comes.
//
// So many are remembered, and so many bytes of their images; then the oldest go, and of those, for
// a while, it is known that they were there. An id that comes again while its first decision has no
// reward yet would pair feedback with the wrong one: it is good for neither. Lives on the service's
// thread; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/recent_ids.hpp"
#include "serve/feedback/decision.hpp"

namespace podium::serve {

class FeedbackMemory {
 public:
  explicit FeedbackMemory(size_t most_decisions, size_t most_bytes = size_t{256} << 20);

  // `request` is the service's own number of the request: one that was computed again, because a
  // replica died, replaces what was told before.
  void add(uint64_t request, const DecisionView& decision);

  enum class State {
    awaited,    // the first feedback about it may come
    rewarded,   // it came
    ambiguous,  // several decisions had this id
    forgotten,  // others have taken its place since
    unknown,
  };
  State state(const std::string& id) const;

  // REQUIRES: it is awaited.
  const Decision& decision(const std::string& id) const;
  void mark_rewarded(const std::string& id);

  size_t size() const { return known_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    uint64_t request = 0;
    uint64_t turn = 0;
    State state = State::awaited;
    Decision decision;
  };

  void let_go(Entry& entry);
  void forget_oldest();

  size_t most_;
  size_t most_bytes_;
  size_t bytes_ = 0;  // of images
  uint64_t next_turn_ = 0;
  std::unordered_map<std::string, Entry> known_;
  std::deque<std::pair<uint64_t, std::string>> turns_;  // turn and id, the oldest first
  RecentIds forgotten_;                                 // their hashes
};

}  // namespace podium::serve
