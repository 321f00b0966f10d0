// BoundedCounts: how many values lie below each of some bounds, as a Prometheus histogram has it.
//
// Used by one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace podium::serve {

class BoundedCounts {
 public:
  // REQUIRES: `bounds` ascend, and outlive this.
  explicit BoundedCounts(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void record(double value) {
    const auto bound = std::ranges::lower_bound(bounds_, value);
    ++counts_[static_cast<size_t>(bound - bounds_.begin())];
    sum_ += value;
  }

  std::span<const double> bounds() const { return bounds_; }
  // How many values were at most bounds()[i]; with i = bounds().size(), all.
  int64_t up_to(size_t i) const {
    int64_t count = 0;
    for (size_t k = 0; k <= i; ++k) count += counts_[k];
    return count;
  }
  int64_t count() const { return up_to(bounds_.size()); }
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<int64_t> counts_;
  double sum_ = 0;
};

}  // namespace podium::serve
