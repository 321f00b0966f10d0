// Checks of cuDNN's return codes, and owners of its handle and of its backend descriptors.
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <string>

#include "core/handle.hpp"

namespace podium::nn::cuda {

// Throws internal_error naming `where` (a layer), unless `status` is success; unavailable_error
// where the GPU lacks memory or the driver is too old.
void check_cudnn(cudnnStatus_t status, const char* what, const std::string& where);

struct CudnnTraits {
  using Value = cudnnHandle_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value handle) noexcept;
};
using Cudnn = Handle<CudnnTraits>;

// A handle for the current device that gives its work to `stream`.
Cudnn make_cudnn(cudaStream_t stream);

struct DescriptorTraits {
  using Value = cudnnBackendDescriptor_t;
  static Value null() noexcept { return nullptr; }
  static void close(Value descriptor) noexcept;
};

// A backend descriptor: attributes are set, then finalised, then read.
class Descriptor {
 public:
  Descriptor() = default;
  // `where` stands in the messages of all its calls.
  Descriptor(cudnnBackendDescriptorType_t type, std::string where);

  cudnnBackendDescriptor_t get() const { return handle_.get(); }

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
           const void* values);
  void set(cudnnBackendAttributeName_t name, int64_t value);
  void set(cudnnBackendAttributeName_t name, double value);
  void set(cudnnBackendAttributeName_t name, bool value);
  void set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  void set(cudnnBackendAttributeName_t name, const Descriptor& value);
  void finalise();
  // False when cuDNN cannot do what is described.
  bool try_finalise();

  int64_t integer(cudnnBackendAttributeName_t name) const;

 private:
  Handle<DescriptorTraits> handle_;
  std::string where_;
};

}  // namespace podium::nn::cuda
