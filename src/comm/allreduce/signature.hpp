// Signature: what one sum says about itself to the ranks it meets.
//
// Ranks that disagree about what they sum would wait for each other for ever, or add what does not
// belong together. So each tells the number of its sum, the length, the types and the name before
// the first value, and whoever meets another one ends with an error that names both.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>

#include "comm/allreduce/wire.hpp"
#include "comm/elements.hpp"

namespace podium::comm {

struct Signature {
  uint64_t number = 0;  // of the sum since the AllReduce was made, from 1
  uint64_t count = 0;   // elements
  ElementType type = ElementType::f32;
  WireType wire = WireType::fp32;
  std::array<char, 24> name{};  // cut, and padded with zeros

  Signature() = default;
  Signature(uint64_t number, const Elements& values, WireType wire, const char* name);

  bool operator==(const Signature&) const = default;
};
static_assert(std::is_trivially_copyable_v<Signature>);

// "sum 17, 'gradients', 454922 floats", and " as bf16" where they are rounded on the way
std::string to_text(const Signature& signature);

// Throws internal_error if `theirs`, of rank `peer`, is not `mine`, of rank `rank` of `group`.
void require_equal(const Signature& mine, const Signature& theirs, int rank, int peer,
                   const std::string& group);

}  // namespace podium::comm
