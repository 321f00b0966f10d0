// AugmentationDraw: what chance decided for one image, apart from the pixels it is applied to.
//
// Drawn on the host by draw() and applied there by apply() (augment.hpp); a device that holds the
// images applies it pixel by pixel with augmented_byte(), to the same bits. Plain data of fixed
// size, so that a table of draws can be copied to such a device as it is. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.hpp"

namespace podium::io {

// Pixels [left, right) of rows [top, bottom).
struct Rectangle {
  uint32_t top = 0;
  uint32_t bottom = 0;
  uint32_t left = 0;
  uint32_t right = 0;

  constexpr bool empty() const { return top >= bottom || left >= right; }
  constexpr bool holds(uint32_t y, uint32_t x) const {
    return y >= top && y < bottom && x >= left && x < right;
  }
  bool operator==(const Rectangle&) const = default;
};

struct AugmentationDraw {
  uint64_t noise = 0;  // state: see noise_of()
  int32_t down = 0;    // shift in pixels; zeros come in
  int32_t right = 0;
  Rectangle hole;     // becomes zeros, after the shift
  Rectangle erased;   // becomes noise, after that
  uint32_t flip = 0;  // 1: mirrored left and right, before the shift

  bool operator==(const AugmentationDraw&) const = default;
};

inline constexpr size_t noise_bytes = sizeof(uint64_t);  // of one group

// Noise fills the rows of a rectangle in groups of 8 bytes, the last of a row cut off; group k,
// counted over the whole rectangle, is this number in memory order.
constexpr uint64_t noise_of(const AugmentationDraw& draw, uint64_t group) {
  return mix64(draw.noise + group);
}

// Groups in each row of the erased rectangle.
constexpr uint64_t noise_groups_per_row(const AugmentationDraw& draw, uint32_t channels) {
  const uint64_t bytes = uint64_t{draw.erased.right - draw.erased.left} * channels;
  return (bytes + noise_bytes - 1) / noise_bytes;
}

// Byte `channel` of the pixel in row y and column x after augmentation of `image` [H,W,C], as
// apply() writes it on a little-endian machine.
constexpr uint8_t augmented_byte(const AugmentationDraw& draw, const uint8_t* image,
                                 uint32_t height, uint32_t width, uint32_t channels, uint32_t y,
                                 uint32_t x, uint32_t channel) {
  if (draw.erased.holds(y, x)) {
    const uint64_t at = uint64_t{x - draw.erased.left} * channels + channel;
    const uint64_t group =
        (y - draw.erased.top) * noise_groups_per_row(draw, channels) + at / noise_bytes;
    return static_cast<uint8_t>(noise_of(draw, group) >> (8 * (at % noise_bytes)));
  }
  if (draw.hole.holds(y, x)) return 0;
  const int64_t source_y = int64_t{y} - draw.down;
  const int64_t source_x = int64_t{x} - draw.right;
  if (source_y < 0 || source_y >= height || source_x < 0 || source_x >= width) return 0;
  const int64_t column = draw.flip != 0 ? width - 1 - source_x : source_x;
  return image[(source_y * width + column) * channels + channel];
}

}  // namespace podium::io
