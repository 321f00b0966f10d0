// The backends of a build with CUDA: the GPU's, and the CPU's beside it.
#include "nn/backend.hpp"

#include <cublasLt.h>
#include <cudnn_version.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/cpu/cpu_ops.hpp"
#include "nn/cuda/cuda_ops.hpp"
#include "nn/cuda/limits.hpp"

namespace podium::nn {

std::unique_ptr<Ops> make_ops(const DeviceChoice& device, int threads, Numerics numerics) {
  if (device.on_gpu()) return make_cuda_ops(device.gpu, numerics);
  return make_cpu_ops(threads, numerics);
}

bool has_bf16_matrices(const DeviceChoice& device) {
  return device.on_gpu() || cpu_has_bf16_matrices();
}

bool can_bf16(const DeviceChoice& device) {
  return device.on_gpu() || cpu_can_bf16();
}

DeviceLimits device_limits(const DeviceChoice& device, Numerics numerics) {
  require(device.on_gpu(), "the limits of a CPU", "device_limits");
  return cuda::measure_limits(device.gpu, numerics, 8192, size_t{512} << 20);
}

std::vector<LibraryVersion> backend_versions() {
  return {{"cuDNN", format("%d.%d.%d", CUDNN_MAJOR, CUDNN_MINOR, CUDNN_PATCHLEVEL)},
          {"cuBLASLt", format("%d.%d.%d", CUBLAS_VER_MAJOR, CUBLAS_VER_MINOR, CUBLAS_VER_PATCH)}};
}

}  // namespace podium::nn
