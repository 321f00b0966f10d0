// The backend of a build without CUDA.
#include "nn/backend.hpp"

#include "core/error.hpp"
#include "nn/cpu/cpu_ops.hpp"

namespace podium::nn {

std::unique_ptr<Ops> make_ops(const DeviceChoice& device, int threads, Numerics numerics) {
  require(!device.on_gpu(), "a GPU chosen by a build without GPUs", "make_ops");
  return make_cpu_ops(threads, numerics);
}

bool has_bf16_matrices(const DeviceChoice&) {
  return cpu_has_bf16_matrices();
}

bool can_bf16(const DeviceChoice&) {
  return cpu_can_bf16();
}

DeviceLimits device_limits(const DeviceChoice&, Numerics) {
  throw internal_error("a build without GPUs", "device_limits");
}

std::vector<LibraryVersion> backend_versions() {
  return {};
}

}  // namespace podium::nn
