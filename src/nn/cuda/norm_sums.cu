// The sums over rows that batch normalisation and biases need.
#include "core/cuda_check.hpp"
#include "nn/cuda/column_sums.cuh"
#include "nn/cuda/norm.hpp"
#include "nn/cuda/norm_window.cuh"
#include "nn/network_plan.hpp"

namespace podium::nn::cuda {
namespace {

using podium::cuda::check_launch;

constexpr float momentum = 0.1F;

// Of each chunk and channel: the mean, and the sum of squared distances from it. Distances are
// taken from the chunk's first row, so that large means lose no digits.
template <typename T>
__global__ void moments_of_chunks(const T* x, size_t rows, int channels, size_t rows_per_chunk,
                                  TwoSums* partials) {
  __shared__ float2 shared[kBlock];
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  const ChunkRows chunk(rows, rows_per_chunk);
  float2 sums = {0.0F, 0.0F};
  float origin = 0.0F;
  if (c < channels) {
    const T* column = x + c;
    origin = to_float(column[chunk.begin * channels]);
#pragma unroll 4
    for (size_t row = chunk.begin + threadIdx.y; row < chunk.end; row += blockDim.y) {
      const float distance = to_float(column[row * channels]) - origin;
      sums.x += distance;
      sums.y += distance * distance;
    }
  }
  sums = sum_over_lanes(sums, shared);
  if (threadIdx.y > 0 || c >= channels) return;
  const double count = static_cast<double>(chunk.end - chunk.begin);
  const double sum = sums.x;
  const double squares = static_cast<double>(sums.y) - sum * sum / count;
  partials[static_cast<size_t>(blockIdx.y) * channels + c] = {
      static_cast<double>(origin) + sum / count, squares > 0.0 ? squares : 0.0};
}

__device__ void set_channel(NormChannel& channel, float scale, float shift, float mean,
                            float variance) {
  const float inverse = 1.0F / sqrtf(variance + kNormEpsilon);
  channel.a = scale * inverse;
  channel.b = shift - mean * channel.a;
  channel.mean = mean;
  channel.inverse = inverse;
}

__device__ void update(float& running, double seen) {
  running += momentum * (static_cast<float>(seen) - running);
}

// What a batch came to, in one channel.
__device__ void conclude(const NormParameters& parameters, int channels, int c, double population,
                         double mean, double squares, NormChannel& channel) {
  const double variance = squares / population;
  const double unbiased = population > 1.0 ? squares / (population - 1.0) : variance;
  set_channel(channel, parameters.scale[c], parameters.scale[channels + c],
              static_cast<float>(mean), static_cast<float>(variance));
  update(parameters.running_mean[c], mean);
  update(parameters.running_variance[c], unbiased);
}

__global__ void conclude_given(NormSums given, size_t rows, int channels, NormParameters parameters,
                               NormChannel* table) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  const double population = static_cast<double>(rows);
  const double mean = given.sums[c] / population;
  const double squares = given.squares[c] - given.sums[c] * mean;
  conclude(parameters, channels, c, population, mean, squares > 0.0 ? squares : 0.0, table[c]);
}

// As merge_moments() of nn/cpu/batch_norm.cpp (Chan, Golub & LeVeque 1979). One block per tile.
__global__ void merge_moments(const TwoSums* partials, size_t rows, int channels, int chunks,
                              size_t rows_per_chunk, NormParameters parameters,
                              NormChannel* table) {
  __shared__ TwoSums shared[kBlock];
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  const bool there = c < channels;
  const auto rows_of = [&](int chunk) {
    const size_t begin = chunk * rows_per_chunk;
    const size_t left = rows - begin;
    return static_cast<double>(left < rows_per_chunk ? left : rows_per_chunk);
  };
  TwoSums mine = {0.0, 0.0};
  for (int chunk = threadIdx.y; there && chunk < chunks; chunk += blockDim.y) {
    mine.first += rows_of(chunk) * partials[static_cast<size_t>(chunk) * channels + c].first;
  }
  const double population = static_cast<double>(rows);
  const double mean = sum_over_lanes(mine, shared).first / population;
  mine = {0.0, 0.0};
  for (int chunk = threadIdx.y; there && chunk < chunks; chunk += blockDim.y) {
    const TwoSums partial = partials[static_cast<size_t>(chunk) * channels + c];
    const double apart = partial.first - mean;
    mine.first += partial.second + rows_of(chunk) * apart * apart;
  }
  const double squares = sum_over_lanes(mine, shared).first;
  if (threadIdx.y > 0 || !there) return;
  conclude(parameters, channels, c, population, mean, squares, table[c]);
}

__global__ void load_channels(NormParameters parameters, int channels, NormChannel* table) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  set_channel(table[c], parameters.scale[c], parameters.scale[channels + c],
              parameters.running_mean[c], parameters.running_variance[c]);
}

// Of each chunk and channel: the sums of g and of g * (x - mean). Rows are pixels of `dy`.
template <typename T, typename Index>
__global__ void gradients_of_chunks(NormShape shape, const NormChannel* table, const T* x,
                                    const T* y, T* dy, Index rows, size_t rows_per_chunk,
                                    TwoSums* partials) {
  __shared__ float2 shared[kBlock];
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  const ChunkRows chunk(rows, rows_per_chunk);
  float2 sums = {0.0F, 0.0F};
  if (c < shape.channels) {
    const NormChannel channel = table[c];
    for (size_t row = chunk.begin + threadIdx.y; row < chunk.end; row += blockDim.y) {
      const size_t at = row * shape.channels + c;
      float g = to_float(dy[at]);
      float value = 0.0F;  // the x that g reaches
      if (shape.window > 0) {
        const Peak peak = window_peak(shape, channel, x, static_cast<Index>(row), c);
        value = peak.x;
        if (shape.relu && !(peak.z > 0.0F)) g = 0.0F;
      } else {
        value = to_float(x[at]);
        if (shape.sum) {
          g = to_float(y[at]) > 0.0F ? g : 0.0F;
          dy[at] = from_float<T>(g);
        } else if (shape.relu) {
          g = channel.a * value + channel.b > 0.0F ? g : 0.0F;
        }
      }
      sums.x += g;
      sums.y += g * (value - channel.mean);
    }
  }
  sums = sum_over_lanes(sums, shared);
  if (threadIdx.y > 0 || c >= shape.channels) return;
  partials[static_cast<size_t>(blockIdx.y) * shape.channels + c] = {sums.x, sums.y};
}

__device__ TwoSums merge_sums(const TwoSums* partials, int channels, int chunks, int c,
                              TwoSums* shared) {
  TwoSums mine = {0.0, 0.0};
  for (int chunk = threadIdx.y; c < channels && chunk < chunks; chunk += blockDim.y) {
    const TwoSums partial = partials[static_cast<size_t>(chunk) * channels + c];
    mine.first += partial.first;
    mine.second += partial.second;
  }
  return sum_over_lanes(mine, shared);
}

// As derive_gradients() of nn/cpu/batch_norm.cpp; `population` counts the pixels of the input.
__global__ void merge_gradients(const TwoSums* partials, int channels, int chunks,
                                double population, NormParameters parameters, NormChannel* table) {
  __shared__ TwoSums shared[kBlock];
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  const TwoSums sums = merge_sums(partials, channels, chunks, c, shared);
  if (threadIdx.y > 0 || c >= channels) return;
  NormChannel& channel = table[c];
  const double inverse = channel.inverse;
  parameters.gradient[c] = static_cast<float>(sums.second * inverse);
  parameters.gradient[channels + c] = static_cast<float>(sums.first);
  const double a = channel.a;
  const double slope = -a * inverse * inverse * sums.second / population;
  channel.slope = static_cast<float>(slope);
  channel.offset =
      static_cast<float>(-a * sums.first / population - slope * static_cast<double>(channel.mean));
}

template <typename T>
__global__ void sums_of_chunks(const T* values, size_t rows, int channels, size_t rows_per_chunk,
                               TwoSums* partials) {
  __shared__ float2 shared[kBlock];
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  const ChunkRows chunk(rows, rows_per_chunk);
  float2 sums = {0.0F, 0.0F};
  const size_t end = c < channels ? chunk.end : chunk.begin;
#pragma unroll 4
  for (size_t row = chunk.begin + threadIdx.y; row < end; row += blockDim.y) {
    sums.x += to_float(values[row * channels + c]);
  }
  sums = sum_over_lanes(sums, shared);
  if (threadIdx.y > 0 || c >= channels) return;
  partials[static_cast<size_t>(blockIdx.y) * channels + c] = {sums.x, 0.0};
}

__global__ void write_sums(const TwoSums* partials, int channels, int chunks, float* result) {
  __shared__ TwoSums shared[kBlock];
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  const TwoSums sums = merge_sums(partials, channels, chunks, c, shared);
  if (threadIdx.y == 0 && c < channels) result[c] = static_cast<float>(sums.first);
}

}  // namespace

size_t norm_partial_bytes(const NormShape& shape) {
  // A cut of fewer rows may have more chunks.
  return std::max(partial_bytes(ColumnCut(shape.pixels(), shape.channels), shape.channels),
                  partial_bytes(ColumnCut(shape.pooled_pixels(), shape.channels), shape.channels));
}

void norm_measure(const NormShape& shape, const NormParameters& parameters, const void* x,
                  NormChannel* channels, void* partials, cudaStream_t stream) {
  const ColumnCut cut(shape.pixels(), shape.channels);
  auto* sums = static_cast<TwoSums*>(partials);
  with_type(shape.type, [&](auto number) {
    moments_of_chunks<<<grid_of(cut), block_of(cut), 0, stream>>>(
        static_cast<const decltype(number)*>(x), shape.pixels(), shape.channels, cut.rows_per_chunk,
        sums);
  });
  check_launch("batch norm, moments");
  merge_moments<<<cut.tiles, block_of(cut), 0, stream>>>(
      sums, shape.pixels(), shape.channels, cut.chunks, cut.rows_per_chunk, parameters, channels);
  check_launch("batch norm, statistics");
}

void norm_measure(const NormShape& shape, const NormParameters& parameters, const NormSums& given,
                  NormChannel* channels, cudaStream_t stream) {
  const auto blocks = blocks_for(static_cast<size_t>(shape.channels));
  conclude_given<<<blocks, kBlock, 0, stream>>>(given, shape.pixels(), shape.channels, parameters,
                                                channels);
  check_launch("batch norm, given sums");
}

void norm_load(const NormShape& shape, const NormParameters& parameters, NormChannel* channels,
               cudaStream_t stream) {
  const auto blocks = blocks_for(static_cast<size_t>(shape.channels));
  load_channels<<<blocks, kBlock, 0, stream>>>(parameters, shape.channels, channels);
  check_launch("batch norm, loading");
}

void norm_gradients(const NormShape& shape, const NormParameters& parameters, const void* x,
                    const void* y, void* dy, NormChannel* channels, void* partials,
                    cudaStream_t stream) {
  const size_t rows = shape.pooled_pixels();
  const ColumnCut cut(rows, shape.channels);
  auto* sums = static_cast<TwoSums*>(partials);
  with_type(shape.type, [&](auto number) {
    using T = decltype(number);
    with_index(rows, [&](auto index) {
      gradients_of_chunks<<<grid_of(cut), block_of(cut), 0, stream>>>(
          shape, channels, static_cast<const T*>(x), static_cast<const T*>(y), static_cast<T*>(dy),
          static_cast<decltype(index)>(rows), cut.rows_per_chunk, sums);
    });
  });
  check_launch("batch norm, gradient sums");
  merge_gradients<<<cut.tiles, block_of(cut), 0, stream>>>(
      sums, shape.channels, cut.chunks, static_cast<double>(shape.pixels()), parameters, channels);
  check_launch("batch norm, gradients");
}

size_t column_sum_bytes(size_t rows, int channels) {
  return partial_bytes(ColumnCut(rows, channels), channels);
}

void column_sums(NumberType type, const void* values, size_t rows, int channels, float* gradient,
                 void* partials, cudaStream_t stream) {
  const ColumnCut cut(rows, channels);
  auto* sums = static_cast<TwoSums*>(partials);
  with_type(type, [&](auto number) {
    sums_of_chunks<<<grid_of(cut), block_of(cut), 0, stream>>>(
        static_cast<const decltype(number)*>(values), rows, channels, cut.rows_per_chunk, sums);
  });
  check_launch("bias gradient, sums");
  write_sums<<<cut.tiles, block_of(cut), 0, stream>>>(sums, channels, cut.chunks, gradient);
  check_launch("bias gradient");
}

}  // namespace podium::nn::cuda
