// The windows of a max pool behind a batch norm: z is computed anew from x wherever it is needed,
// by one formula, so that all passes see the same bits.
#pragma once

#include "nn/cuda/norm.hpp"
#include "nn/cuda/numbers.cuh"

namespace podium::nn::cuda {

struct Peak {
  float z;
  float x;
  size_t at;  // where that x lies
};

// Where the first pixel of a window lies, for a row of the pooled matrix and a channel.
template <typename Index>
__device__ size_t window_start(const NormShape& shape, Index row, int channel) {
  const auto width = static_cast<Index>(shape.pooled_width());
  const auto height = static_cast<Index>(shape.pooled_height());
  const size_t column = row % width;
  const size_t line = row / width % height;
  const size_t image = row / width / height;
  const size_t pixel =
      (image * shape.height + line * shape.window) * shape.width + column * shape.window;
  return pixel * shape.channels + channel;
}

// The first largest z of a window, row by row.
template <typename T, typename Index>
__device__ Peak window_peak(const NormShape& shape, const NormChannel& channel, const T* x,
                            Index row, int c) {
  const size_t start = window_start(shape, row, c);
  Peak peak = {0.0F, to_float(x[start]), start};
  peak.z = channel.a * peak.x + channel.b;
  for (int dy = 0; dy < shape.window; ++dy) {
    for (int dx = 0; dx < shape.window; ++dx) {
      const size_t at = start + static_cast<size_t>(dy * shape.width + dx) * shape.channels;
      const float value = to_float(x[at]);
      const float z = channel.a * value + channel.b;
      if (z > peak.z) peak = {z, value, at};
    }
  }
  return peak;
}

}  // namespace podium::nn::cuda
