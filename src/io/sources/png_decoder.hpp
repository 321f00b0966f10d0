// PNG images through libpng.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/sources/image_file.hpp"

namespace podium::io {

// Palettes become colour, 16 bits become 8, transparency is dropped, interlaced images are woven.
// Gamma and colour profiles are not applied. Throws data_error for an image that is damaged (libpng
// verifies the checksum of everything that matters), cut off, or too large.
Image decode_png(std::span<const uint8_t> file, const std::string& where,
                 uint64_t most_bytes = decoded_bytes_limit);

}  // namespace podium::io
