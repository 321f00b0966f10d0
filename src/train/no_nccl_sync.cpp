// A build that computes on CPUs only has no NCCL: comm::nccl_support() says so before this is
// asked.
#include "core/error.hpp"
#include "train/nccl_sync.hpp"

namespace podium::train {

std::unique_ptr<GradientSync> make_nccl_sync(comm::Communicator&, int, size_t) {
  throw internal_error("this build has no NCCL", "make_nccl_sync");
}

}  // namespace podium::train
