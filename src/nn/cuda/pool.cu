#include "core/cuda_check.hpp"
#include "nn/cuda/launch.hpp"
#include "nn/cuda/numbers.cuh"
#include "nn/cuda/pool.hpp"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

// Image, line, column and channel of an element.
struct Position {
  size_t image;
  int line;
  int column;
  int channel;

  template <typename Index>
  __device__ Position(Index index, int channels, int lines, int columns) {
    channel = static_cast<int>(index % static_cast<Index>(channels));
    index /= static_cast<Index>(channels);
    column = static_cast<int>(index % static_cast<Index>(columns));
    index /= static_cast<Index>(columns);
    line = static_cast<int>(index % static_cast<Index>(lines));
    image = index / static_cast<Index>(lines);
  }
};

__device__ size_t input_at(const PoolShape& shape, size_t image, int line, int column,
                           int channel) {
  return ((image * shape.height + line) * shape.width + column) * shape.channels + channel;
}

__device__ size_t output_at(const PoolShape& shape, size_t image, int line, int column,
                            int channel) {
  return ((image * shape.pooled_height + line) * shape.pooled_width + column) * shape.channels +
         channel;
}

template <typename T, typename Index>
__global__ void max_pool_kernel(PoolShape shape, const T* input, T* output, int* places,
                                Index count) {
  for (Index i = thread_index(); i < count; i += thread_count()) {
    const Position at(i, shape.channels, shape.pooled_height, shape.pooled_width);
    const int line = at.line * shape.step;
    const int column = at.column * shape.step;
    float best = to_float(input[input_at(shape, at.image, line, column, at.channel)]);
    int place = 0;
    for (int y = 0; y < shape.window_height; ++y) {
      for (int x = 0; x < shape.window_width; ++x) {
        const float value =
            to_float(input[input_at(shape, at.image, line + y, column + x, at.channel)]);
        if (value > best) {
          best = value;
          place = y * shape.window_width + x;
        }
      }
    }
    output[i] = from_float<T>(best);
    if (places != nullptr) places[i] = place;
  }
}

template <typename T, typename Index>
__global__ void average_pool_kernel(PoolShape shape, const T* input, T* output, Index count) {
  const float share = 1.0F / static_cast<float>(shape.window_height * shape.window_width);
  for (Index i = thread_index(); i < count; i += thread_count()) {
    const Position at(i, shape.channels, shape.pooled_height, shape.pooled_width);
    float sum = 0.0F;
    for (int y = 0; y < shape.window_height; ++y) {
      for (int x = 0; x < shape.window_width; ++x) {
        sum += to_float(input[input_at(shape, at.image, at.line * shape.step + y,
                                       at.column * shape.step + x, at.channel)]);
      }
    }
    output[i] = from_float<T>(sum * share);
  }
}

// The windows that hold a pixel along one side: first to last, none if last < first.
struct Windows {
  int first;
  int last;

  __device__ Windows(int pixel, int window, int step, int pooled) {
    const int before = pixel - window + 1;
    first = before > 0 ? (before + step - 1) / step : 0;
    last = min(pixel / step, pooled - 1);
  }
};

// Each element of the input gathers what `gradient_of(output element, its place in the window)` is.
template <typename T, typename Gradient, typename Index>
__global__ void gather(PoolShape shape, Gradient gradient_of, T* input_gradient, Index count) {
  for (Index i = thread_index(); i < count; i += thread_count()) {
    const Position at(i, shape.channels, shape.height, shape.width);
    const Windows lines(at.line, shape.window_height, shape.step, shape.pooled_height);
    const Windows columns(at.column, shape.window_width, shape.step, shape.pooled_width);
    float sum = 0.0F;
    for (int y = lines.first; y <= lines.last; ++y) {
      for (int x = columns.first; x <= columns.last; ++x) {
        const int place =
            (at.line - y * shape.step) * shape.window_width + at.column - x * shape.step;
        sum += gradient_of(output_at(shape, at.image, y, x, at.channel), place);
      }
    }
    input_gradient[i] = from_float<T>(sum);
  }
}

template <typename T>
struct OfMax {
  const T* output_gradient;
  const int* places;
  __device__ float operator()(size_t output, int place) const {
    return places[output] == place ? to_float(output_gradient[output]) : 0.0F;
  }
};

template <typename T>
struct OfAverage {
  const T* output_gradient;
  float share;
  __device__ float operator()(size_t output, int) const {
    return share * to_float(output_gradient[output]);
  }
};

// Calls work(T{}, Index{}) for the layer's type and for numbers up to `count`.
template <typename Work>
void with_both(const PoolShape& shape, size_t count, Work work) {
  with_type(shape.type,
            [&](auto number) { with_index(count, [&](auto index) { work(number, index); }); });
}

}  // namespace

void max_pool(const PoolShape& shape, const void* input, void* output, int* places,
              cudaStream_t stream) {
  const size_t count = shape.outputs();
  with_both(shape, count, [&](auto number, auto index) {
    using T = decltype(number);
    max_pool_kernel<<<blocks_for(count), kBlock, 0, stream>>>(shape, static_cast<const T*>(input),
                                                              static_cast<T*>(output), places,
                                                              static_cast<decltype(index)>(count));
  });
  check_launch("max pool");
}

void max_pool_gradient(const PoolShape& shape, const void* output_gradient, const int* places,
                       void* input_gradient, cudaStream_t stream) {
  const size_t count = shape.inputs();
  with_both(shape, count, [&](auto number, auto index) {
    using T = decltype(number);
    gather<<<blocks_for(count), kBlock, 0, stream>>>(
        shape, OfMax<T>{static_cast<const T*>(output_gradient), places},
        static_cast<T*>(input_gradient), static_cast<decltype(index)>(count));
  });
  check_launch("max pool, gradient");
}

void average_pool(const PoolShape& shape, const void* input, void* output, cudaStream_t stream) {
  const size_t count = shape.outputs();
  with_both(shape, count, [&](auto number, auto index) {
    using T = decltype(number);
    average_pool_kernel<<<blocks_for(count), kBlock, 0, stream>>>(
        shape, static_cast<const T*>(input), static_cast<T*>(output),
        static_cast<decltype(index)>(count));
  });
  check_launch("average pool");
}

void average_pool_gradient(const PoolShape& shape, const void* output_gradient,
                           void* input_gradient, cudaStream_t stream) {
  const size_t count = shape.inputs();
  const float share = 1.0F / static_cast<float>(shape.window_height * shape.window_width);
  with_both(shape, count, [&](auto number, auto index) {
    using T = decltype(number);
    gather<<<blocks_for(count), kBlock, 0, stream>>>(
        shape, OfAverage<T>{static_cast<const T*>(output_gradient), share},
        static_cast<T*>(input_gradient), static_cast<decltype(index)>(count));
  });
  check_launch("average pool, gradient");
}

}  // namespace podium::nn::cuda
