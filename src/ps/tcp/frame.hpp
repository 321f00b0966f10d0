// Frame: what stands before each message on a connection (wire.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "ps/message.hpp"

namespace podium::ps {

struct Frame {
  uint64_t position = 0;
  uint32_t magic = 0;
  uint32_t zero = 0;
};
static_assert(sizeof(Frame) == 16 && sizeof(Segment) == 16);

inline constexpr uint64_t inline_payload = UINT64_MAX;
inline constexpr uint32_t frame_magic = 0x31575350;  // "PSW1"

// Bytes of an inline payload with the zeros behind it.
inline size_t padded(size_t bytes) {
  return (bytes + 15) / 16 * 16;
}

}  // namespace podium::ps
