// Ring AllReduce for small, rare sums, of counts, losses and the like, where nothing is kept
// between calls. Sums that matter go through allreduce/allreduce.hpp.
#pragma once

#include <span>

#include "comm/communicator.hpp"

namespace podium::comm {

// Sums `data` in place over all ranks of `group`; every rank ends with the same bits. Any length,
// also zero and less than the number of ranks. T is float or double.
// Throws internal_error when a neighbour sums something else or does not arrive within the limit.
template <typename T>
void ring_allreduce(Communicator& group, std::span<T> data);

}  // namespace podium::comm
