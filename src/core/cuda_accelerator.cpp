// The accelerators that CUDA's driver shows.
#include <cuda_runtime_api.h>

#include "core/accelerator.hpp"
#include "core/cuda_check.hpp"
#include "core/text.hpp"

namespace podium {
namespace {

constexpr int oldest_major = 8;  // what cmake/PodiumCuda.cmake compiles for

std::string dotted(int version) {
  return format("%d.%d", version / 1000, version % 1000 / 10);
}

// The CUDA version up to which the driver goes; 0 without a driver.
int driver_version() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

std::string reason(cudaError_t status) {
  const int driver = driver_version();
  if (status == cudaErrorInsufficientDriver || driver == 0) {
    if (driver == 0) return "no NVIDIA driver is installed";
    return "the driver is made for CUDA " + dotted(driver) + ", and this build needs " +
           dotted(CUDART_VERSION) + " or a newer one";
  }
  if (status == cudaErrorNoDevice) return "the driver shows no GPU";
  return std::string("the driver does not answer: ") + cudaGetErrorString(status);
}

}  // namespace

AcceleratorProbe probe_accelerators() {
  AcceleratorProbe probe;
  probe.supported = true;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    static_cast<void>(cudaGetLastError());
    probe.why_none = reason(status == cudaSuccess ? cudaErrorNoDevice : status);
    return probe;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    cudaDeviceProp properties = {};
    cuda::check(cudaGetDeviceProperties(&properties, ordinal), "asking for the GPUs");
    if (properties.major < oldest_major) {
      probe.why_none =
          format("the GPU '%s' has compute capability %d.%d, and this build needs %d.0",
                 properties.name, properties.major, properties.minor, oldest_major);
      continue;
    }
    if (properties.managedMemory == 0) {
      probe.why_none =
          format("the GPU '%s' has no memory that it shares with the host (a virtual GPU?)",
                 properties.name);
      continue;
    }
    probe.devices.push_back({ordinal, properties.name, properties.totalGlobalMem});
  }
  if (probe.any()) probe.why_none.clear();
  return probe;
}

std::vector<LibraryVersion> accelerator_versions() {
  const int driver = driver_version();
  const std::string installed = driver == 0 ? "no driver" : "driver for " + dotted(driver);
  return {{"CUDA", dotted(CUDART_VERSION) + ", " + installed}};
}

}  // namespace podium
