// Up to 16 channels of one pixel, as one vector of floats.
#pragma once

#include <cstring>

namespace podium::nn::cpu {

inline constexpr int kLanes = 16;

// A vector type of GCC and Clang: operators work lane by lane, comparisons give masks.
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

// Loads and stores `lanes` channels; the others are zero. Full ones know their number at compile
// time.
template <bool Full>
Lanes load(const float* from, int lanes) {
  Lanes value = {};
  std::memcpy(&value, from, Full ? sizeof(Lanes) : static_cast<size_t>(lanes) * sizeof(float));
  return value;
}

template <bool Full>
void store(const Lanes& value, float* to, int lanes) {
  std::memcpy(to, &value, Full ? sizeof(Lanes) : static_cast<size_t>(lanes) * sizeof(float));
}

inline Lanes larger(const Lanes& a, const Lanes& b) {
  return a > b ? a : b;
}

}  // namespace podium::nn::cpu
