// Context: what all kernels of one backend share: the device, its stream, the libraries' handles,
// scratch memory, the key of the step, and the copies of weights.
//
// Everything runs in the order of the one stream, so one scratch buffer serves all. Memory that a
// captured graph may refer to never moves: when more is needed, the old buffers stay.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/cuda_buffer.hpp"
#include "core/cuda_handles.hpp"
#include "nn/cuda/cublas_lt.hpp"
#include "nn/cuda/cudnn_check.hpp"
#include "nn/cuda/norm.hpp"
#include "nn/cuda/number_type.hpp"
#include "nn/cuda/weights.hpp"
#include "nn/lowering.hpp"
#include "nn/numerics.hpp"
#include "nn/ops.hpp"

namespace podium::nn::cuda {

// Device memory that grows by being replaced; what it was before stays as long as it lives.
class GrowingBuffer {
 public:
  explicit GrowingBuffer(std::string what) : what_(std::move(what)) {}

  // At least `bytes`, zero where new. Null for 0 bytes.
  void* reserve(size_t bytes);
  void* data() const { return buffers_.empty() ? nullptr : buffers_.back().data(); }

 private:
  std::string what_;
  std::vector<podium::cuda::DeviceBuffer<std::byte>> buffers_;
};

struct Context {
  // Makes `gpu` the calling thread's device. Throws unavailable_error when it is not there.
  Context(int gpu, Numerics numerics);

  // Makes the GPU the calling thread's device: threads differ between calls.
  void use() const;

  // In what a pass keeps activations and multiplies.
  NumberType type_of(Pass pass) const {
    const bool bf16 = pass == Pass::training && numerics.precision == Precision::bf16;
    return bf16 ? NumberType::bf16 : NumberType::fp32;
  }

  int gpu;
  Numerics numerics;
  podium::cuda::Stream stream;
  Cudnn cudnn;
  CublasLt cublas;
  GrowingBuffer workspace{"scratch memory of the layers"};
  podium::cuda::DeviceBuffer<StepKey> key;
  WeightTable weights;    // of training
  WeightTable gradients;  // computed memory holds what kernels write
  // Moments that convolutions of training write, for the batch norms that read their outputs: by
  // output. A batch norm is made after the convolution that it reads, and takes what it finds.
  std::map<const float*, NormSums> norm_sums;
  // Of inference, by canonical weights and their number.
  std::map<std::pair<const float*, size_t>, FoldedWeights> folded;
};

}  // namespace podium::nn::cuda
