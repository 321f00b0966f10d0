// PNG and JPEG files as images of 8 bits: gray [H,W,1] or colour [H,W,3].
//
// Which of the two a file is, is told by its first bytes, never by its name. Sizes are checked
// before pixels are allocated. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/image/image_shape.hpp"

namespace podium::io {

inline constexpr uint64_t image_side_limit = 16384;                   // pixels
inline constexpr uint64_t decoded_bytes_limit = uint64_t{256} << 20;  // of one image
inline constexpr uint64_t image_file_bytes_limit = uint64_t{256} << 20;

struct Image {
  ImageShape shape;
  std::vector<uint8_t> pixels;
};

// Whether a file that begins with `bytes` is PNG or JPEG by its signature.
bool is_image(std::span<const std::byte> bytes);

// Throws io_error, and what decode_image() throws.
Image read_image(const std::filesystem::path& path);

// Decodes the bytes of a file; `where` names it in messages. Throws data_error when it is neither
// PNG nor JPEG, damaged, cut off, or more than `most_bytes` or a side beyond the limit.
Image decode_image(std::span<const uint8_t> file, const std::string& where,
                   uint64_t most_bytes = decoded_bytes_limit);

// Throws data_error when `shape`, read from a header, is empty or beyond the limits.
void check_image_size(const ImageShape& shape, const std::string& where, uint64_t most_bytes);

// Throws data_error unless `file_bytes` can hold `pixels`, of which a byte holds at most
// `pixels_per_byte` in that format: a header alone gets no memory.
void check_image_content(uint64_t pixels, uint64_t pixels_per_byte, uint64_t file_bytes,
                         const std::string& where);

}  // namespace podium::io
