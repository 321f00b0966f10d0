// SplitMap: which records of the train part are in the train and in the validation split.
//
// The validation records are known by an ascending list; the train split is the rest, in order, and
// needs no list of its own: its n-th record is n plus the validation records before it. Read-only,
// thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "io/loader/step_index.hpp"

namespace podium::io {

class SplitMap {
 public:
  // REQUIRES: `validation` ascends strictly.
  explicit SplitMap(std::vector<uint32_t> validation)
      : validation_(std::move(validation)), gaps_(gaps(validation_)) {}

  uint32_t train_record(uint32_t n) const { return n + gaps_.count(n); }
  uint32_t validation_record(uint32_t n) const { return validation_[n]; }

  // Validation records below `record` of the part.
  uint32_t validation_below(uint32_t record) const {
    return static_cast<uint32_t>(std::ranges::lower_bound(validation_, record) -
                                 validation_.begin());
  }

 private:
  // The k-th is how many train records precede the k-th validation record.
  static std::vector<uint32_t> gaps(std::vector<uint32_t> validation) {
    for (uint32_t k = 0; k < validation.size(); ++k) validation[k] -= k;
    return validation;
  }

  std::vector<uint32_t> validation_;
  StepIndex gaps_;
};

}  // namespace podium::io
