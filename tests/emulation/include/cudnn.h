// What the headers of src/nn/cuda name of cuDNN. Its descriptors cannot be described here:
// convolutions.cpp stands in for the files that do.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <map>

enum cudnnStatus_t { CUDNN_STATUS_SUCCESS };
enum cudnnBackendDescriptorType_t { CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR };
enum cudnnBackendAttributeName_t { CUDNN_ATTR_EXECUTION_PLAN_HANDLE };
enum cudnnBackendAttributeType_t { CUDNN_TYPE_HANDLE };
enum cudnnDataType_t { CUDNN_DATA_FLOAT };

// Only ever compared with null.
using cudnnHandle_t = cudaStream_t;

// A plan: what is done with the tensors' memory, by their numbers.
struct EmulatedPlan {
  std::function<void(const std::map<int64_t, void*>&)> work;
};
using cudnnBackendDescriptor_t = EmulatedPlan*;

size_t cudnnGetVersion();
