// The GradientSync of trainers that have a GPU each: sums by NCCL. One of two implementations is
// built: cuda/nccl_sync.cpp, or no_nccl_sync.cpp for a build that computes on CPUs only.
#pragma once

#include <cstddef>
#include <memory>

#include "comm/communicator.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

// Collective over `group`, which must outlive the sync; each trainer with a GPU `gpu` of its own.
// `gradients` is how many floats are summed at once. Throws what comm::NcclCommunicator throws.
std::unique_ptr<GradientSync> make_nccl_sync(comm::Communicator& group, int gpu, size_t gradients);

}  // namespace podium::train
