// Batch normalisation over activations [rows, channels], NHWC: what nn/cpu/norm_plane.hpp and
// nn/cpu/batch_norm.cpp compute, by the same formulas.
//
//   z = a * x + b                 a = scale / sqrt(variance + epsilon), b = shift - mean * a
//   y = z | max(z, 0) | max(z + side, 0) | max over windows of z or max(z, 0)
//
//   dx = a * g + slope * x + offset,  with g the gradient that reaches z
//
// Epsilon is kNormEpsilon; running statistics move by a tenth towards the batch's mean and unbiased
// variance. A window's gradient goes to its first largest z, row by row; pixels that no window
// covers (odd sizes) get g = 0. The normalised values are never stored.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "nn/cuda/launch.hpp"
#include "nn/cuda/number_type.hpp"

namespace podium::nn::cuda {

// What one layer's kernels have in common.
struct NormShape {
  int images = 0;
  int height = 0;  // of the input
  int width = 0;
  int channels = 0;
  int window = 0;  // of the max pool, which is also its step; 0: none
  bool relu = false;
  bool sum = false;  // a side is added before the ReLU
  NumberType type = NumberType::fp32;

  constexpr size_t pixels() const {
    return static_cast<size_t>(images) * static_cast<size_t>(height) * static_cast<size_t>(width);
  }
  constexpr int pooled_height() const { return window > 0 ? height / window : height; }
  constexpr int pooled_width() const { return window > 0 ? width / window : width; }
  constexpr size_t pooled_pixels() const {
    return static_cast<size_t>(images) * static_cast<size_t>(pooled_height()) *
           static_cast<size_t>(pooled_width());
  }
};

// What the passes of one layer know of each channel.
struct NormChannel {
  float a;
  float b;
  float mean;
  float inverse;  // 1 / sqrt(variance + epsilon)
  float slope;
  float offset;
  float unused[2];
};

// Parameters and statistics of one layer, [channels] each.
struct NormParameters {
  const float* scale = nullptr;  // directly followed by shift
  float* running_mean = nullptr;
  float* running_variance = nullptr;
  float* gradient = nullptr;  // of the scale, directly followed by that of the shift
};

// The sums over all pixels of x and of x * x, [channels] each, where somebody else makes them.
struct NormSums {
  const float* sums = nullptr;
  const float* squares = nullptr;
};

// Bytes of `partials` below.
size_t norm_partial_bytes(const NormShape& shape);

// a, b, mean and inverse of the batch `x`, and the running statistics.
void norm_measure(const NormShape& shape, const NormParameters& parameters, const void* x,
                  NormChannel* channels, void* partials, cudaStream_t stream);
// The same from given sums. Where the mean is large beside the deviation, digits are lost.
void norm_measure(const NormShape& shape, const NormParameters& parameters, const NormSums& given,
                  NormChannel* channels, cudaStream_t stream);
// The same of the running statistics, for inference.
void norm_load(const NormShape& shape, const NormParameters& parameters, NormChannel* channels,
               cudaStream_t stream);
void norm_forward(const NormShape& shape, const NormChannel* channels, const void* x,
                  const void* side, void* y, cudaStream_t stream);
// The gradients of scale and shift, and slope and offset. With a sum, `dy` becomes g where `y` > 0,
// and 0 elsewhere.
void norm_gradients(const NormShape& shape, const NormParameters& parameters, const void* x,
                    const void* y, void* dy, NormChannel* channels, void* partials,
                    cudaStream_t stream);
// After norm_gradients().
void norm_input_gradient(const NormShape& shape, const NormChannel* channels, const void* x,
                         const void* dy, void* dx, cudaStream_t stream);

// gradient[c] = sum over rows of values [rows, channels]: that of a bias.
void column_sums(NumberType type, const void* values, size_t rows, int channels, float* gradient,
                 void* partials, cudaStream_t stream);
size_t column_sum_bytes(size_t rows, int channels);

}  // namespace podium::nn::cuda
