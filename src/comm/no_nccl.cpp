// A build that computes on CPUs only has no NCCL.
#include "comm/nccl_support.hpp"
#include "core/error.hpp"

namespace podium::comm {

NcclSupport nccl_support() {
  return {"", "this build has no NCCL"};
}

RankDevice rank_device(int ordinal) {
  require(ordinal < 0, "a GPU in a build that computes on CPUs only", "rank_device");
  return {exchange_host(), ""};
}

}  // namespace podium::comm
