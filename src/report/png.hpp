// Small pictures inside a page: PNG as a data URI.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/image/image_shape.hpp"

namespace podium::report {

// "data:image/png;base64,..." of pixels [H,W,C] with 1 (grey), 3 (RGB) or 4 (RGBA) channels; empty
// for any other number, for no pixels, and for one that does not fit the shape.
std::string png_uri(std::span<const uint8_t> pixels, const io::ImageShape& shape);

// RFC 4648.
std::string base64(std::span<const uint8_t> bytes);

}  // namespace podium::report
