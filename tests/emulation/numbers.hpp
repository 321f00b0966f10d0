// Numbers of either type in memory, by their index: for what stands in for libraries.
#pragma once

#include <cuda_bf16.h>

#include <cstddef>

namespace emulated {

inline float read(bool is_fp32, const void* numbers, size_t index) {
  if (is_fp32) return static_cast<const float*>(numbers)[index];
  return __bfloat162float(static_cast<const __nv_bfloat16*>(numbers)[index]);
}

inline void write(bool is_fp32, void* numbers, size_t index, float value) {
  if (is_fp32) {
    static_cast<float*>(numbers)[index] = value;
  } else {
    static_cast<__nv_bfloat16*>(numbers)[index] = __float2bfloat16(value);
  }
}

}  // namespace emulated
