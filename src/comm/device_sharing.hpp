// Which ranks of a group compute on which device, and by what they may exchange what lies there.
//
// NCCL serves ranks that have a GPU each; two ranks on one GPU would wait for each other for ever.
// So the ranks tell each other where they compute before anything is made, and all come to one
// choice. No type of CUDA's stands here: what a rank says of its device comes from
// nccl_support.hpp.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"

namespace podium::comm {

// Where one rank computes. Two ranks with equal values share a device.
struct RankDevice {
  std::string host;    // as NCCL tells hosts apart: NCCL_HOSTID, else the host's name
  std::string device;  // unique on its host, for instance a GPU's UUID; empty: a CPU

  bool operator==(const RankDevice&) const = default;
};

// What every rank of `group` says, in order of rank. Collective; all ranks return the same.
std::vector<RankDevice> share_devices(Communicator& group, const RankDevice& mine);

// The ranks on each device, those of one device together, in order of their first rank. Ranks on
// CPUs are left out.
std::vector<std::vector<int>> ranks_by_device(const std::vector<RankDevice>& ranks);

struct ExchangeChoice {
  bool nccl = false;
  std::string notice;  // for the user, one line; empty when there is nothing to tell
};

// By what `ranks` sum gradients that lie on GPUs: NCCL if each has a GPU of its own and this build
// has it (`why_no_nccl` is empty), else MPI by way of the hosts. Pure.
ExchangeChoice choose_exchange(const std::vector<RankDevice>& ranks,
                               const std::string& why_no_nccl);

}  // namespace podium::comm
