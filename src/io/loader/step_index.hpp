// StepIndex: how many of many ascending thresholds a number has reached, in constant time.
//
// Answers "in which block is this record" and "which record is the n-th that is not taken out"
// without a table as long as the records: memory is a few bytes per threshold. Numbers are cut into
// equal cells, about two per threshold; the search stays within one. Read-only, thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace podium::io {

class StepIndex {
 public:
  StepIndex() : StepIndex(std::vector<uint32_t>{}) {}

  // REQUIRES: `thresholds` ascend; equal ones are allowed.
  explicit StepIndex(std::vector<uint32_t> thresholds) : thresholds_(std::move(thresholds)) {
    const uint64_t range = thresholds_.empty() ? 1 : uint64_t{thresholds_.back()} + 1;
    while ((range >> shift_) > 2 * thresholds_.size() + 1) ++shift_;
    const uint64_t cells = (range >> shift_) + 1;
    cells_.reserve(cells + 1);
    uint32_t below = 0;
    for (uint64_t cell = 0; cell <= cells; ++cell) {
      while (below < thresholds_.size() && thresholds_[below] < (cell << shift_)) ++below;
      cells_.push_back(below);
    }
  }

  // Thresholds that are not above `number`.
  uint32_t count(uint32_t number) const {
    const size_t cell = number >> shift_;
    if (cell + 1 >= cells_.size()) return static_cast<uint32_t>(thresholds_.size());
    const auto begin = thresholds_.begin() + cells_[cell];
    const auto end = thresholds_.begin() + cells_[cell + 1];
    return static_cast<uint32_t>(std::upper_bound(begin, end, number) - thresholds_.begin());
  }

  const std::vector<uint32_t>& thresholds() const { return thresholds_; }

 private:
  std::vector<uint32_t> thresholds_;
  std::vector<uint32_t> cells_;  // thresholds below each cell's begin
  unsigned shift_ = 0;           // a cell is 2^shift_ numbers
};

}  // namespace podium::io
