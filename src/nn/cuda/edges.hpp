// The two ends of a network on the device: uint8 images in, probabilities or a loss out. What
// nn/cpu/edges.hpp computes, by the same formulas.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "nn/cuda/number_type.hpp"
#include "nn/image_shape.hpp"

namespace podium::nn::cuda {

// Images [images,H,W,C] become inputs [rows,H,W,C], scale * pixel + shift by channel; rows behind
// the images become zero. All memory is the device's.
struct ImageLoad {
  const uint8_t* pixels = nullptr;
  const float* scale = nullptr;  // [C]
  const float* shift = nullptr;  // [C]
  void* inputs = nullptr;
  ImageShape shape;
  size_t images = 0;
  size_t rows = 0;
  bool mirrored = false;
  NumberType type = NumberType::fp32;
};
void load_images(const ImageLoad& load, cudaStream_t stream);

// What a batch came to.
struct DeviceLoss {
  double loss_sum;
  int correct;
  int unused;
};

// Softmax cross entropy with label smoothing over logits [images, classes]; the gradient is that of
// the mean loss. Labels that are no class count as never right.
struct LossWork {
  const void* logits = nullptr;
  const uint8_t* labels = nullptr;
  void* gradient = nullptr;    // like the logits
  DeviceLoss* rows = nullptr;  // [images], scratch
  DeviceLoss* result = nullptr;
  int images = 0;
  int classes = 0;
  float label_smoothing = 0;
  NumberType type = NumberType::fp32;
};
void cross_entropy(const LossWork& work, cudaStream_t stream);

// Row-wise softmax of fp32 logits [images, classes]; with `others` (or null) the logits first
// become the means of both.
void softmax(float* logits, const float* others, float* probabilities, int images, int classes,
             cudaStream_t stream);

}  // namespace podium::nn::cuda
