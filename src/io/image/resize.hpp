// resize: an image at another size, in integers alone, so that every machine gives the same bytes.
//
// Bilinear with a triangle filter. Where an axis shrinks, the triangle widens to twice the pixels
// that one result pixel covers, so that all of them count and nothing aliases: the convention of
// Pillow's BILINEAR and of torchvision's antialias=True. Pixel x covers [x, x+1); weights beyond
// the border fall away and the others are scaled up. Pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "io/image/image_shape.hpp"

namespace podium::io {

// Bytes that resize() needs in between: all rows at their final width.
uint64_t resize_scratch_bytes(const ImageShape& input, const ImageShape& output);

// Resizes `image` [H,W,C] of shape `input` into `result` of shape `output`. REQUIRES: equal
// channels, no size of zero, sizes below 2^24, result.size() == output.bytes().
void resize(const ImageShape& input, std::span<const uint8_t> image, const ImageShape& output,
            std::span<uint8_t> result);

}  // namespace podium::io
