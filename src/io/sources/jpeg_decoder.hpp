// JPEG images through libjpeg-turbo.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "io/sources/image_file.hpp"

namespace podium::io {

// Gray or colour, baseline or progressive; the orientation that a camera notes is not applied.
// Throws data_error for CMYK images, for arithmetic coding, for those that are too large, and for
// damage that the library notices: JPEG has no checksums, so a changed byte may also give other
// pixels.
Image decode_jpeg(std::span<const uint8_t> file, const std::string& where,
                  uint64_t most_bytes = decoded_bytes_limit);

}  // namespace podium::io
