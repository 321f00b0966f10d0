// The one place where it is decided how a group of trainers sums its gradients.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "comm/allreduce/cost_model.hpp"
#include "comm/allreduce/wire.hpp"
#include "comm/communicator.hpp"
#include "comm/side_work.hpp"
#include "core/device_choice.hpp"
#include "core/log.hpp"
#include "core/trace.hpp"
#include "train/gradient_sync.hpp"

namespace podium::train {

class PsClient;  // ps_client.hpp

// --comm.allreduce: NCCL where each trainer has a GPU of its own, else by way of the hosts; or one
// of them on demand.
struct Exchange {
  enum class By { automatic, hosts, nccl };
  By by = By::automatic;
  comm::Algorithm algorithm = comm::Algorithm::automatic;  // by way of the hosts
  std::string calibration;                                 // file of its costs; empty: none
  comm::WireType wire = comm::WireType::fp32;              // of gradients between hosts
  comm::Overlap overlap = comm::Overlap::polling;          // with the backward pass
};

// Parses "auto", "nccl" or an algorithm of comm::AllReduce; throws usage_error otherwise.
Exchange parse_exchange(const std::string& text);

struct SyncSpec {
  comm::Communicator& group;        // must outlive the sync
  int gpu = DeviceChoice::cpu;      // where this trainer computes
  size_t gradients = 0;             // floats
  std::vector<size_t> layers = {};  // where each layer's begin
  Exchange exchange = {};
  Log log;                      // the first trainer tells what was chosen, if that is worth a word
  PsClient* servers = nullptr;  // null: trainers sum gradients among themselves; outlives the sync
  Lane lane = {};               // for sums by way of the hosts
};

// Collective over the group. Throws unavailable_error on every trainer when NCCL is demanded and
// cannot be had.
std::unique_ptr<GradientSync> make_gradient_sync(const SyncSpec& spec);

}  // namespace podium::train
