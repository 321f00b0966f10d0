#include "core/cuda_check.hpp"

#include "core/log.hpp"
#include "core/text.hpp"

namespace podium::cuda {
namespace {

std::string text_of(cudaError_t status) {
  return std::string("CUDA: ") + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")";
}

// Not ours to mend: the GPU is taken by others, broken, or not ready.
bool is_absent(cudaError_t status) {
  switch (status) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemNotReady:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorECCUncorrectable:
      return true;
    default:
      return false;
  }
}

double mib(size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

Error out_of_memory(const std::string& what, size_t asked_bytes, size_t free_bytes,
                    size_t total_bytes) {
  return unavailable_error(
      format("out of GPU memory: %s asks for %.1f MiB, and %.1f of %.1f MiB are free", what.c_str(),
             mib(asked_bytes), mib(free_bytes), mib(total_bytes)),
      "GPU",
      "use a smaller batch or a narrower network, fewer ranks per GPU, or "
      "--device=cpu");
}

Error out_of_memory(const std::string& what, size_t asked_bytes) {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  // The message is worth having without its numbers.
  if (cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    free_bytes = total_bytes = 0;
  }
  return out_of_memory(what, asked_bytes, free_bytes, total_bytes);
}

Error error_of(cudaError_t status, const char* what) {
  if (status == cudaErrorMemoryAllocation) {
    return unavailable_error("out of GPU memory", what,
                             "use a smaller batch or a narrower network, or --device=cpu");
  }
  if (is_absent(status)) {
    return unavailable_error(text_of(status), what,
                             "see what nvidia-smi says of the GPU, or use --device=cpu");
  }
  return internal_error(text_of(status), what,
                        "please report this; --device=cpu goes without a GPU");
}

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  // Taken from the runtime's memory of it, or the next check_launch() would report it again.
  static_cast<void>(cudaGetLastError());
  throw error_of(status, what);
}

void check_launch(const char* kernel) {
  check(cudaGetLastError(), kernel);
}

void warn(cudaError_t status, const char* what) noexcept {
  if (status == cudaSuccess || status == cudaErrorCudartUnloading) return;
  static_cast<void>(cudaGetLastError());
  warn_in_destructor(what, cudaGetErrorString(status));
}

}  // namespace podium::cuda
