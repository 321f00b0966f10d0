// The one place where it is decided how a group of trainers sums its gradients.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "comm/communicator.hpp"
#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

// --comm.allreduce: NCCL where each trainer has a GPU of its own, else a ring over MPI; or one of
// them on demand.
enum class Exchange { automatic, ring, nccl };

// Parses "auto", "ring" or "nccl"; throws usage_error otherwise.
Exchange parse_exchange(const std::string& text);

struct SyncSpec {
  comm::Communicator& group;    // must outlive the sync
  int gpu = DeviceChoice::cpu;  // where this trainer computes
  size_t gradients = 0;         // floats
  Exchange exchange = Exchange::automatic;
  Log log;  // the first trainer tells what was chosen, if that is worth a word
};

// Collective over the group. Throws unavailable_error on every trainer when NCCL is demanded and
// cannot be had.
std::unique_ptr<GradientSync> make_gradient_sync(const SyncSpec& spec);

}  // namespace podium::train
