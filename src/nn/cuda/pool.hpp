// Max and average pooling without padding over NHWC activations: windows of any size and step, of
// which those that do not fit at the lower and right edges are left out, as on the CPU.
//
// The gradient of a max goes to the first largest of its window, row by row, whose place forward()
// keeps. Backward, each pixel of the input gathers from the windows that hold it, in their order:
// equal inputs give equal bits.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "nn/cuda/number_type.hpp"
#include "nn/network_plan.hpp"

namespace podium::nn::cuda {

struct PoolShape {
  int images = 0;
  int channels = 0;
  int height = 0;  // of the input
  int width = 0;
  int pooled_height = 0;
  int pooled_width = 0;
  int window_height = 0;
  int window_width = 0;
  int step = 1;
  NumberType type = NumberType::fp32;

  PoolShape(const LayerPlan& layer, int batch, NumberType a_type)
      : images(batch),
        channels(layer.input.channels),
        height(layer.input.height),
        width(layer.input.width),
        pooled_height(layer.output.height),
        pooled_width(layer.output.width),
        window_height(layer.kernel_height),
        window_width(layer.kernel_width),
        step(layer.stride),
        type(a_type) {}

  size_t inputs() const { return count(height, width); }
  size_t outputs() const { return count(pooled_height, pooled_width); }

 private:
  size_t count(int lines, int columns) const {
    return static_cast<size_t>(images) * static_cast<size_t>(channels) *
           static_cast<size_t>(lines) * static_cast<size_t>(columns);
  }
};

// `places`, if not null, gets the number of the largest pixel in its window, per output.
void max_pool(const PoolShape& shape, const void* input, void* output, int* places,
              cudaStream_t stream);
void max_pool_gradient(const PoolShape& shape, const void* output_gradient, const int* places,
                       void* input_gradient, cudaStream_t stream);
void average_pool(const PoolShape& shape, const void* input, void* output, cudaStream_t stream);
void average_pool_gradient(const PoolShape& shape, const void* output_gradient,
                           void* input_gradient, cudaStream_t stream);

}  // namespace podium::nn::cuda
