// Pushed: the body of a message as values of Θ: which of them, and what was pushed to each, decoded
// on the way. Views of the message, or of remembered keys.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "comm/allreduce/wire.hpp"
#include "ps/message.hpp"

namespace podium::ps {

struct Pushed {
  Encoding encoding = Encoding::fp32;
  float scale = 1;
  float lr = -1;
  std::span<const Segment> segments;  // dense; sparse: one, where the table begins
  std::span<const uint32_t> keys;     // sparse
  uint32_t width = 0;                 // above 0: sparse
  std::span<const std::byte> values;
};

inline comm::WireType wire_of(Encoding encoding) {
  return encoding == Encoding::fp16 ? comm::WireType::fp16 : comm::WireType::bf16;
}

// The values of a payload one after the other: floats as they lie, others decoded block by block.
class ValueReader {
 public:
  ValueReader(Encoding encoding, std::span<const std::byte> values)
      : encoding_(encoding),
        from_(values.data()),
        left_(values.size() / bytes_per_value(encoding)) {
    if (encoding == Encoding::fp32) {
      ready_ = reinterpret_cast<const float*>(from_);
      ready_count_ = std::exchange(left_, 0);
    }
  }

  // Up to `count` values, at least one, valid until the next call. REQUIRES: so many are left.
  std::span<const float> next(size_t count) {
    if (ready_count_ == 0) decode();
    const size_t taken = std::min(count, ready_count_);
    const std::span<const float> values(ready_, taken);
    ready_ += taken;
    ready_count_ -= taken;
    return values;
  }

 private:
  static constexpr size_t block = 2048;

  void decode() {
    ready_count_ = std::min(block, left_);
    left_ -= ready_count_;
    comm::Wire(wire_of(encoding_), {}, nullptr)
        .unpack(comm::elements(std::span(block_.data(), ready_count_)), from_);
    from_ += ready_count_ * sizeof(uint16_t);
    ready_ = block_.data();
  }

  Encoding encoding_;
  const std::byte* from_;
  size_t left_;
  const float* ready_ = nullptr;
  size_t ready_count_ = 0;
  std::array<float, block> block_;
};

// Calls range(first, count) for each run of neighbouring values of Θ, in the order of the payload.
template <typename Range>
void for_each_range(std::span<const Segment> segments, std::span<const uint32_t> keys,
                    uint32_t width, Range&& range) {
  if (width == 0) {
    for (const Segment& segment : segments) range(segment.first, segment.count);
    return;
  }
  const uint64_t table = segments.empty() ? 0 : segments.front().first;
  for (size_t i = 0; i < keys.size();) {
    size_t end = i + 1;
    while (end < keys.size() && keys[end] == keys[end - 1] + 1) ++end;
    range(table + uint64_t{keys[i]} * width, (end - i) * width);
    i = end;
  }
}

// Calls piece(first, span of floats) for everything that was pushed.
template <typename Piece>
void for_each_piece(const Pushed& pushed, Piece&& piece) {
  ValueReader values(pushed.encoding, pushed.values);
  for_each_range(pushed.segments, pushed.keys, pushed.width, [&](uint64_t first, uint64_t count) {
    while (count > 0) {
      const std::span<const float> part = values.next(count);
      piece(first, part);
      first += part.size();
      count -= part.size();
    }
  });
}

}  // namespace podium::ps
