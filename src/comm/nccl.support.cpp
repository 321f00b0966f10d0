// What NCCL and CUDA say of themselves and of a GPU.
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "comm/nccl_support.hpp"
#include "core/cuda_check.hpp"
#include "core/text.hpp"

namespace podium::comm {

NcclSupport nccl_support() {
  int version = 0;
  if (const ncclResult_t result = ncclGetVersion(&version); result != ncclSuccess) {
    return {"", std::string("NCCL does not start: ") + ncclGetErrorString(result)};
  }
  return {format("%d.%d.%d", version / 10000, version % 10000 / 100, version % 100), ""};
}

RankDevice rank_device(int ordinal) {
  if (ordinal < 0) return {exchange_host(), ""};
  cudaDeviceProp properties = {};
  cuda::check(cudaGetDeviceProperties(&properties, ordinal), "asking for a GPU");
  std::string uuid = "GPU-";
  for (const char byte : properties.uuid.bytes) {
    uuid += format("%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  }
  return {exchange_host(), uuid};
}

}  // namespace podium::comm
