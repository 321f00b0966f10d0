// SumAlgorithm: one way to sum vectors over ranks. One file an algorithm; AllReduce picks among
// them.
#pragma once

#include <memory>

#include "comm/allreduce/watch.hpp"
#include "comm/allreduce/wire.hpp"
#include "comm/elements.hpp"

namespace podium::comm {

// out = sum over ranks of weight * in. `in` is `out.data`, or memory that does not overlap it.
struct Sum {
  const std::byte* in = nullptr;
  Elements out;
  double weight = 1;  // of this rank
  Wire wire = {};     // of `out`
};

class SumAlgorithm {
 public:
  virtual ~SumAlgorithm() = default;

  // As messages call it.
  virtual const char* name() const = 0;
  // Whether it sends messages, which can be rounded: else a sum's wire is as the values are.
  virtual bool packs() const { return false; }

  // Collective; every rank ends with the same bits. Allocates only when a longer vector comes than
  // ever before. `watch` knows the sum. Throws internal_error when a rank sums something else or
  // does not arrive.
  virtual void run(const Sum& sum, Watch& watch) = 0;
};

}  // namespace podium::comm
