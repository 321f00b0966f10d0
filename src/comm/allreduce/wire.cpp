#include "comm/allreduce/wire.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "core/error.hpp"

namespace podium::comm {
namespace {

constexpr std::array types = {WireType::fp32, WireType::bf16, WireType::fp16};

constexpr uint32_t infinity = 0x7f800000;
constexpr uint32_t sign_bit = 0x80000000;

// The two formats in integer arithmetic without branches, which any compiler turns into vector
// instructions: the upper half of a float; and IEEE 754 binary16, whose exponents are 112 smaller.
struct Bf16 {
  static constexpr uint32_t largest = 0x7f7f;

  static uint16_t narrow(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t magnitude = bits & ~sign_bit;
    const uint32_t nearest = (magnitude + 0x7fff + (magnitude >> 16 & 1)) >> 16;
    const uint32_t finite = std::min(nearest, largest);
    const uint32_t special = magnitude == infinity ? 0x7f80 : 0x7fc0;
    return static_cast<uint16_t>((bits & sign_bit) >> 16 |
                                 (magnitude < infinity ? finite : special));
  }

  static float widen(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }
};

struct Fp16 {
  static constexpr uint32_t largest = 0x477fe000;       // 65504
  static constexpr uint32_t least_normal = 113U << 23;  // 2^-14
  static constexpr uint32_t rebias = 112U << 23;

  // Below the least normal number, adding 0.5 makes the processor round at the right bit.
  static uint16_t narrow(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t magnitude = bits & ~sign_bit;
    const uint32_t kept = std::min(magnitude, largest);
    const uint32_t normal = (kept - rebias + 0xfff + (kept >> 13 & 1)) >> 13;
    const uint32_t subnormal =
        std::bit_cast<uint32_t>(std::bit_cast<float>(kept) + 0.5F) - std::bit_cast<uint32_t>(0.5F);
    const uint32_t finite = kept < least_normal ? subnormal : normal;
    uint32_t half = magnitude > infinity ? 0x7e00 : finite;
    half = magnitude == infinity ? 0x7c00 : half;
    return static_cast<uint16_t>((bits & sign_bit) >> 16 | half);
  }

  static float widen(uint16_t half) {
    const uint32_t moved = uint32_t{half & 0x7fffU} << 13;
    const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(moved + least_normal) -
                                                       std::bit_cast<float>(least_normal));
    const uint32_t finite = moved < 1U << 23 ? subnormal : moved + rebias;
    const uint32_t special = moved + 2 * rebias;
    return std::bit_cast<float>((half & 0x8000U) << 16 | (moved < 31U << 23 ? finite : special));
  }
};

float error_of(float value, float rounded) {
  const bool finite = (std::bit_cast<uint32_t>(value) & infinity) != infinity;
  return finite ? value - rounded : 0.0F;
}

template <typename Half>
void round_loop(uint16_t* __restrict to, float* __restrict values, float* __restrict residual,
                float share, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t half = Half::narrow(values[i]);
    const float rounded = Half::widen(half);
    residual[i] += share * error_of(values[i], rounded);
    values[i] = rounded;
    to[i] = half;
  }
}

template <typename Half>
void round_in_place(float* __restrict values, float* __restrict residual, float share,
                    size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float rounded = Half::widen(Half::narrow(values[i]));
    residual[i] += share * error_of(values[i], rounded);
    values[i] = rounded;
  }
}

template <typename Half>
void pack_loop(uint16_t* __restrict to, const float* __restrict values, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = Half::narrow(values[i]);
}

template <typename Half>
void unpack_loop(float* __restrict values, const uint16_t* __restrict from, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] = Half::widen(from[i]);
}

template <typename Half>
void add_loop(float* __restrict values, const uint16_t* __restrict from, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] += Half::widen(from[i]);
}

// Calls `loop` with the format of `type`.
template <typename Loop>
void by_type(WireType type, Loop loop) {
  if (type == WireType::bf16) {
    loop(Bf16());
  } else {
    loop(Fp16());
  }
}

float* floats(const Elements& values) {
  return reinterpret_cast<float*>(values.data);
}

}  // namespace

const char* name_of(WireType type) {
  switch (type) {
    case WireType::bf16:
      return "bf16";
    case WireType::fp16:
      return "fp16";
    case WireType::fp32:
      break;
  }
  return "fp32";
}

WireType parse_wire(const std::string& text) {
  for (const WireType type : types) {
    if (text == name_of(type)) return type;
  }
  throw usage_error("'" + text + "' is no type for values between ranks", "comm.wire",
                    "write fp32, bf16 or fp16");
}

void Wire::take_up(const Elements& values) const {
  float* residual = residual_of(values);
  float* into = floats(values);
  for (size_t i = 0; i < values.count; ++i) into[i] += residual[i];
  std::fill_n(residual, values.count, 0.0F);
}

void Wire::round(std::byte* to, const Elements& values, float share) const {
  by_type(type_, [&]<typename Half>(Half) {
    if (to == nullptr) {
      round_in_place<Half>(floats(values), residual_of(values), share, values.count);
    } else {
      round_loop<Half>(reinterpret_cast<uint16_t*>(to), floats(values), residual_of(values), share,
                       values.count);
    }
  });
}

void Wire::pack(std::byte* to, const Elements& values) const {
  by_type(type_, [&]<typename Half>(Half) {
    pack_loop<Half>(reinterpret_cast<uint16_t*>(to), floats(values), values.count);
  });
}

void Wire::unpack(const Elements& values, const std::byte* from) const {
  by_type(type_, [&]<typename Half>(Half) {
    unpack_loop<Half>(floats(values), reinterpret_cast<const uint16_t*>(from), values.count);
  });
}

void Wire::add(const Elements& values, const std::byte* from) const {
  by_type(type_, [&]<typename Half>(Half) {
    add_loop<Half>(floats(values), reinterpret_cast<const uint16_t*>(from), values.count);
  });
}

}  // namespace podium::comm
