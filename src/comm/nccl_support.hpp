// Whether this build has NCCL, and what it knows a rank's GPU by: what those ask who choose between
// NCCL and MPI. One of two implementations is built: nccl.support.cpp, or no_nccl.cpp.
#pragma once

#include <string>

#include "comm/device_sharing.hpp"

namespace podium::comm {

struct NcclSupport {
  std::string version;  // of the library that is loaded, for instance "2.28.9"; empty without
  std::string why_not;  // one clause; empty when there is NCCL
};

NcclSupport nccl_support();

// Where this rank computes: on the GPU `ordinal` of this process's, or on a CPU when it is
// negative. Throws unavailable_error when there is no such GPU.
RankDevice rank_device(int ordinal);

// NCCL_HOSTID where the environment has it, by which NCCL tells hosts apart, else the host's name.
std::string exchange_host();

}  // namespace podium::comm
