// Members: the workers as one home knows them: how far each is, and what of theirs it has carried
// out. Those that count are waited for: the slowest of them says which steps have ended for all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace podium::ps {

struct Member {
  uint32_t number = 0;
  uint32_t clock = 0;     // finished steps
  uint64_t sequence = 0;  // the last number of theirs that was carried out
  uint64_t settled = 0;   // the last that every backup is known to have, too
  uint32_t view = 0;      // of the roster that it knew when it said hello
  bool greeted = false;   // has said hello
  bool counts = false;    // is waited for
  bool left = false;      // has said that it goes
};

class Members {
 public:
  // Null: unknown.
  Member* find(uint32_t number);
  // As one that counts from `clock` on.
  Member& add(uint32_t number, uint32_t clock);
  std::span<Member> all() { return members_; }
  std::span<const Member> all() const { return members_; }

  // Finished steps of the slowest of those that count; without any, of the fastest there ever was.
  uint32_t slowest() const { return slowest_; }
  bool any_counts() const { return counting_ > 0; }
  // To be called after a clock, or who counts, has changed.
  void update();

  void describe(std::vector<uint64_t>& words) const;
  // Throws data_error if the words end too early.
  void restore(std::span<const uint64_t>& words);

 private:
  std::vector<Member> members_;  // by number, ascending
  uint32_t slowest_ = 0;
  uint32_t fastest_ = 0;
  int counting_ = 0;
};

}  // namespace podium::ps
