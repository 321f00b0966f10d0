// Sums over the rows of a matrix [rows, channels], two per channel, in an order that depends on the
// matrix alone: no atomics, so equal inputs give equal bits.
//
// First, blocks sum chunks of rows into `partials` [chunks, channels] (sum_chunks); then one block
// per tile of channels merges those in double precision, in the order of the chunks (merge_chunks).
#pragma once

#include "nn/cuda/launch.hpp"
#include "nn/cuda/numbers.cuh"

namespace podium::nn::cuda {

struct TwoSums {
  double first;
  double second;
};

inline size_t partial_bytes(const ColumnCut& cut, int channels) {
  return static_cast<size_t>(cut.chunks) * static_cast<size_t>(channels) * sizeof(TwoSums);
}

// The sums of the lanes of a block that hold the same channel, in all of its threads with y = 0.
// `shared` holds kBlock floats2. Lanes are added pairwise, always in the same order.
__device__ inline float2 sum_over_lanes(float2 mine, float2* shared) {
  const int at = threadIdx.y * blockDim.x + threadIdx.x;
  shared[at] = mine;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      const float2 other = shared[at + half * blockDim.x];
      shared[at].x += other.x;
      shared[at].y += other.y;
    }
  }
  __syncthreads();
  return shared[threadIdx.x];
}

// The same for sums in double precision.
__device__ inline TwoSums sum_over_lanes(TwoSums mine, TwoSums* shared) {
  const int at = threadIdx.y * blockDim.x + threadIdx.x;
  __syncthreads();  // the threads may still read what was summed before
  shared[at] = mine;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      const TwoSums other = shared[at + half * blockDim.x];
      shared[at].first += other.first;
      shared[at].second += other.second;
    }
  }
  __syncthreads();
  return shared[threadIdx.x];
}

// The rows of this block's chunk.
struct ChunkRows {
  size_t begin;
  size_t end;

  __device__ ChunkRows(size_t rows, size_t rows_per_chunk) {
    begin = blockIdx.y * rows_per_chunk;
    end = begin + rows_per_chunk < rows ? begin + rows_per_chunk : rows;
  }
};

// For kernels over a ColumnCut: grid (tiles, chunks), block (width, height).
inline dim3 grid_of(const ColumnCut& cut) {
  return {static_cast<unsigned>(cut.tiles), static_cast<unsigned>(cut.chunks), 1};
}
inline dim3 block_of(const ColumnCut& cut) {
  return {static_cast<unsigned>(cut.width), static_cast<unsigned>(cut.height), 1};
}

}  // namespace podium::nn::cuda
