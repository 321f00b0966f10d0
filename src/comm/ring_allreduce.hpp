// Ring AllReduce (Patarasuk & Yuan 2009): every rank ends with the element-wise sum over all ranks.
//
// The vector is cut into one chunk per rank, and the ranks form a ring. In the first half
// (reduce-scatter), P-1 times over, each rank passes a partial sum to its right neighbour and adds
// the one that arrives from its left; after it, rank r holds the finished sum of chunk r+1. In the
// second half (all-gather) the finished chunks travel once around. Each rank sends 2(P-1)/P of the
// vector, the least that any algorithm can.
//
// A chunk is summed along one path and then copied, so all ranks end with identical bits.
#pragma once

#include <cstddef>
#include <span>

#include "comm/communicator.hpp"

namespace podium::comm {

// Elements of scratch space that ring_allreduce needs for `count` elements on `ranks` ranks.
size_t ring_scratch_elements(size_t count, int ranks);

// Sums `data` in place over all ranks of `group`. Any length, also zero and less than the number of
// ranks. T is float or double. Allocates nothing but the transport's own requests.
// REQUIRES: the same length on every rank; scratch.size() >= ring_scratch_elements(...).
// Throws internal_error when a neighbour does not arrive within the group's limit.
template <typename T>
void ring_allreduce(Communicator& group, std::span<T> data, std::span<T> scratch);

// The same with scratch space of its own: for small, rare sums.
template <typename T>
void ring_allreduce(Communicator& group, std::span<T> data);

}  // namespace podium::comm
