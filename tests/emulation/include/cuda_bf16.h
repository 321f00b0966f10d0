// bfloat16: the upper half of a float. Rounded to the nearest, ties to even, as GPUs do.
#pragma once

#include <cuda_runtime_api.h>

#include <bit>
#include <cstdint>

struct __nv_bfloat16 {
  uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

inline __nv_bfloat16 __float2bfloat16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  const bool is_nan = (bits & 0x7fffffffU) > 0x7f800000U;
  bits = is_nan ? bits | 0x400000U : bits + 0x7fffU + (bits >> 16 & 1U);
  return {static_cast<uint16_t>(bits >> 16)};
}
