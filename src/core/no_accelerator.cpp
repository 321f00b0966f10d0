// The accelerators of a build without CUDA: none.
#include "core/accelerator.hpp"

namespace podium {

AcceleratorProbe probe_accelerators() {
  return {.supported = false, .devices = {}, .why_none = "this build computes on CPUs only"};
}

std::vector<LibraryVersion> accelerator_versions() {
  return {};
}

}  // namespace podium
