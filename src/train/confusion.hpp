// Confusion: how often each class was taken for which, and what follows from it per class.
//
// Precision, recall and F1 as usual (Sokolova & Lapalme 2009): of what was taken for a class, the
// share that is of it; of what is of it, the share that was taken for it; their harmonic mean. Pure
// arithmetic; a value for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "comm/communicator.hpp"

namespace podium::train {

// What has no denominator is empty.
struct ClassScores {
  std::optional<double> precision;
  std::optional<double> recall;
  std::optional<double> f1;
  uint64_t support = 0;  // records of the class
};

class Confusion {
 public:
  explicit Confusion(size_t classes) : classes_(classes), counts_(classes * classes) {}

  // REQUIRES: classes below classes().
  void add(size_t truth, size_t predicted, uint64_t records = 1) {
    counts_[truth * classes_ + predicted] += records;
  }

  // REQUIRES: as many classes.
  void add(const Confusion& other);

  // Adds the counts of all ranks, exactly for up to 2^53 records. Collective.
  void sum_over(comm::Communicator& group);

  size_t classes() const { return classes_; }
  uint64_t count(size_t truth, size_t predicted) const {
    return counts_[truth * classes_ + predicted];
  }
  uint64_t records() const;
  uint64_t correct() const;
  double accuracy() const;  // 0 when there are no records

  ClassScores scores(size_t label) const;
  // The mean F1 of the classes that have records; empty when there are none.
  std::optional<double> macro_f1() const;

  bool operator==(const Confusion&) const = default;

 private:
  size_t classes_;
  std::vector<uint64_t> counts_;  // [classes,classes], rows by truth
};

// The first of the largest entries of `row`, which is not empty: the class that is predicted.
size_t most_probable(std::span<const float> row);

}  // namespace podium::train
