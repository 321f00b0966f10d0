#include "nn/cuda/cudnn_check.hpp"

#include <array>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::nn::cuda {
namespace {

// What cuDNN says of the last failure of this thread, as one line.
std::string last_words() {
  std::array<char, 1024> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  std::string words(text.data());
  for (char& c : words) {
    if (c == '\n') c = ' ';
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

}  // namespace

void check_cudnn(cudnnStatus_t status, const char* what, const std::string& where) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const std::string text =
      std::string("cuDNN: ") + what + ": " + cudnnGetErrorString(status) + ", " + last_words();
  switch (status) {
    case CUDNN_STATUS_ALLOC_FAILED:
    case CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED:
      throw unavailable_error(text, where, "use a smaller batch or a narrower network");
    case CUDNN_STATUS_NOT_INITIALIZED:
    case CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH:
      throw unavailable_error(text, where, "see what nvidia-smi says of the GPU");
    default:
      throw internal_error(text, where, "please report the architecture text and the batch size");
  }
}

void CudnnTraits::close(Value handle) noexcept {
  const cudnnStatus_t status = cudnnDestroy(handle);
  if (status != CUDNN_STATUS_SUCCESS) {
    warn_in_destructor("closing cuDNN", cudnnGetErrorString(status));
  }
}

Cudnn make_cudnn(cudaStream_t stream) {
  cudnnHandle_t raw = nullptr;
  check_cudnn(cudnnCreate(&raw), "starting", "GPU");
  Cudnn handle(raw);
  check_cudnn(cudnnSetStream(raw, stream), "setting the stream", "GPU");
  return handle;
}

void DescriptorTraits::close(Value descriptor) noexcept {
  const cudnnStatus_t status = cudnnBackendDestroyDescriptor(descriptor);
  if (status != CUDNN_STATUS_SUCCESS) {
    warn_in_destructor("closing a descriptor of cuDNN", cudnnGetErrorString(status));
  }
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type, std::string where)
    : where_(std::move(where)) {
  cudnnBackendDescriptor_t raw = nullptr;
  check_cudnn(cudnnBackendCreateDescriptor(type, &raw), "making a descriptor", where_);
  handle_.reset(raw);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                     int64_t count, const void* values) {
  check_cudnn(cudnnBackendSetAttribute(get(), name, type, count, values),
              ("setting attribute " + std::to_string(name)).c_str(), where_);
}

void Descriptor::set(cudnnBackendAttributeName_t name, int64_t value) {
  set(name, CUDNN_TYPE_INT64, 1, &value);
}

void Descriptor::set(cudnnBackendAttributeName_t name, double value) {
  set(name, CUDNN_TYPE_DOUBLE, 1, &value);
}

void Descriptor::set(cudnnBackendAttributeName_t name, bool value) {
  set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  const cudnnBackendDescriptor_t raw = value.get();
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

void Descriptor::finalise() {
  check_cudnn(cudnnBackendFinalize(get()), "finalising a descriptor", where_);
}

bool Descriptor::try_finalise() {
  return cudnnBackendFinalize(get()) == CUDNN_STATUS_SUCCESS;
}

int64_t Descriptor::integer(cudnnBackendAttributeName_t name) const {
  int64_t value = 0;
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_INT64, 1, &count, &value),
              "reading a descriptor", where_);
  return value;
}

}  // namespace podium::nn::cuda
