// Pixels: the values of an image tensor as bytes, out of JSON numbers or binary tensors. Pure.
//
// A pixel is a whole number from 0 to 255. FP32 is taken in the same range and rounded, half away
// from zero. Part of the protocol; includes simdjson.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace podium::serve {

enum class Datatype : uint8_t { uint8, fp32 };

inline size_t bytes_of(Datatype datatype) {
  return datatype == Datatype::fp32 ? 4 : 1;
}

// `expected` numbers, flat or in nested arrays. Throws RequestError 400 that names `field`.
std::vector<uint8_t> pixels_of(const simdjson::dom::array& numbers, Datatype datatype,
                               size_t expected, const char* field);

// A binary tensor, little-endian. REQUIRES: it is a whole number of values. Throws RequestError
// 400 for a value that is out of range or not finite.
std::vector<uint8_t> pixels_of(std::string_view tensor, Datatype datatype);

}  // namespace podium::serve
