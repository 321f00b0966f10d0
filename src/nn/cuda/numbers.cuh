// Numbers in memory and numbers in registers: fp32 or bf16 there, always fp32 here; and packs of
// neighbouring channels that one thread moves at once.
#pragma once

#include <cuda_bf16.h>

#include <cstddef>
#include <cstdint>

#include "nn/cuda/number_type.hpp"

namespace podium::nn::cuda {

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

template <typename T>
__device__ T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16(value);  // to the nearest, ties to even
}

// Numbers that lie together, moved in one access. Aligned as a whole.
template <typename T, int Count>
struct alignas(sizeof(T) * Count) Pack {
  T values[Count];

  __device__ float get(int i) const { return to_float(values[i]); }
  __device__ void set(int i, float value) { values[i] = from_float<T>(value); }
};

// The most numbers of a pack: 16 bytes.
template <typename T>
inline constexpr int kPackOf = static_cast<int>(16 / sizeof(T));

// Calls work(T{}) with the type that `type` names.
template <typename Work>
void with_type(NumberType type, Work work) {
  if (type == NumberType::fp32) {
    work(float{});
  } else {
    work(__nv_bfloat16{});
  }
}

// Calls work(Index{}) with an unsigned type for numbers up to `count`: divisions, of which places
// in an image need many, are several times as fast in 32 bits.
template <typename Work>
void with_index(size_t count, Work work) {
  if (count < size_t{1} << 31) {
    work(uint32_t{});
  } else {
    work(uint64_t{});
  }
}

// The index of this thread in a one-dimensional grid, and the number of its threads: a loop from
// the one by steps of the other goes over any number of elements.
__device__ inline size_t thread_index() {
  return static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline size_t thread_count() {
  return static_cast<size_t>(gridDim.x) * blockDim.x;
}

}  // namespace podium::nn::cuda
