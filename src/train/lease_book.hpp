// LeaseBook: which part of a piece of work is whose, while those who do it come and go.
//
// The work is a range of numbered units. A holder gets leases: runs of units that nobody else has,
// the lowest that are free. It does its units in the order in which it got them. What a holder that
// goes has not done is free again. So each unit is done in the end, and, as far as the book is
// told, once; only the unit at which a holder was when it went may have been done without a word.
//
// Pure. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace podium::train {

// Units [begin, end).
struct Lease {
  uint64_t begin = 0;
  uint64_t end = 0;

  uint64_t units() const { return end - begin; }
  bool operator==(const Lease&) const = default;
};

class LeaseBook {
 public:
  LeaseBook() = default;  // of no work
  explicit LeaseBook(const Lease& work);

  // Up to `most` units for `holder`, after those that it has; empty: none is free.
  std::optional<Lease> grant(int holder, uint64_t most);

  // `holder` has done `unit`. REQUIRES: it is the next one of its.
  void done(int holder, uint64_t unit);

  // `holder` has gone. Returns what it had not done, in the order in which it would have.
  std::vector<Lease> drop(int holder);

  uint64_t free() const { return free_units_; }  // nobody's, and not done
  uint64_t left() const { return left_; }        // not done
  size_t leases_of(int holder) const;            // with something to do

 private:
  void release(Lease lease);

  std::map<uint64_t, uint64_t> free_;  // end by begin; no two touch
  std::map<int, std::deque<Lease>> held_;
  uint64_t free_units_ = 0;
  uint64_t left_ = 0;
};

}  // namespace podium::train
