// BatchRange: which positions of an epoch one step takes, over all ranks and by each.
//
// A step takes the next `batch` positions, the last one what is left; ranks share them evenly, in
// order. Pure functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace podium::io {

// Positions [begin, end).
struct BatchRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  size_t count() const { return static_cast<size_t>(end - begin); }
  bool operator==(const BatchRange&) const = default;
};

// Steps of an epoch of `records` records. REQUIRES: batch > 0.
inline size_t steps_of(uint64_t records, size_t batch) {
  return static_cast<size_t>((records + batch - 1) / batch);
}

// Of all ranks in `step`. REQUIRES: step < steps_of(records, batch).
inline BatchRange batch_range(size_t step, size_t batch, uint64_t records) {
  const uint64_t begin = uint64_t{step} * batch;
  return {begin, std::min<uint64_t>(begin + batch, records)};
}

// The even share of one rank. REQUIRES: rank < world.
inline BatchRange share_of(BatchRange all, size_t rank, size_t world) {
  return {all.begin + all.count() * rank / world, all.begin + all.count() * (rank + 1) / world};
}

}  // namespace podium::io
