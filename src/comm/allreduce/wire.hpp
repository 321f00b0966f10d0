// Wire: how values travel between ranks: as floats, or rounded to 16 bits, which halves the
// traffic.
//
// What rounding leaves over is not lost (error feedback, Seide et al. 2014): every rank keeps the
// error of what it rounds, element by element, and adds it to what it gives to the next sum of the
// same vector. Each value is rounded to the nearest, ties to even. A value beyond the range (65,504
// in fp16) becomes the largest one, and its excess comes with the sums that follow. Infinities and
// NaNs pass through and leave nothing over.
//
// So the result plus what all ranks keep now is what they gave plus what they had kept, and the
// mean of many results tends to the true sum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "comm/elements.hpp"

namespace podium::comm {

enum class WireType : uint32_t { fp32, bf16, fp16 };

// "fp32", "bf16" or "fp16", as in --comm.wire; parse throws usage_error.
const char* name_of(WireType type);
WireType parse_wire(const std::string& text);

// How one vector of floats travels. A view; by default as it is.
class Wire {
 public:
  Wire() = default;
  // `residual` has an element for each of `values`, and belongs to this rank.
  Wire(WireType type, const Elements& values, float* residual)
      : type_(type), base_(values.data), residual_(residual) {}

  WireType type() const { return type_; }
  bool packs() const { return type_ != WireType::fp32; }
  // Bytes that `values` take on the way.
  size_t bytes_of(const Elements& values) const {
    return packs() ? values.count * sizeof(uint16_t) : values.bytes().size();
  }

  // The functions below are for parts of the vector, and want packs().

  // values += what was left over, of which nothing is left then.
  void take_up(const Elements& values) const;
  // Rounds `values` in place, and into `to` if that is not null. This rank keeps `share` of the
  // error, where several ranks round the same sum.
  void round(std::byte* to, const Elements& values, float share = 1) const;
  // As round() for values that are rounded already: nothing is left over.
  void pack(std::byte* to, const Elements& values) const;
  // values = from
  void unpack(const Elements& values, const std::byte* from) const;
  // values += from
  void add(const Elements& values, const std::byte* from) const;

 private:
  float* residual_of(const Elements& values) const {
    return residual_ + (values.data - base_) / static_cast<std::ptrdiff_t>(sizeof(float));
  }

  WireType type_ = WireType::fp32;
  const std::byte* base_ = nullptr;
  float* residual_ = nullptr;
};

}  // namespace podium::comm
