#include "report/png.hpp"

#include <png.h>

#include <vector>

namespace podium::report {
namespace {

// 0 for channels that PNG does not have.
png_uint_32 format_of(size_t channels) {
  if (channels == 3) return PNG_FORMAT_RGB;
  return channels == 4 ? PNG_FORMAT_RGBA : PNG_FORMAT_GRAY;
}

}  // namespace

std::string base64(std::span<const uint8_t> bytes) {
  constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k) word = word << 8U | (k < count ? bytes[i + k] : 0U);
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? digits[word >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

std::string png_uri(std::span<const uint8_t> pixels, const io::ImageShape& shape) {
  const bool known = shape.channels == 1 || shape.channels == 3 || shape.channels == 4;
  if (!known || pixels.empty() || pixels.size() != shape.bytes()) return "";
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape.width);
  image.height = static_cast<png_uint_32>(shape.height);
  image.format = format_of(shape.channels);
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<uint8_t> file(bytes);
  const int written =
      png_image_write_to_memory(&image, file.data(), &bytes, 0, pixels.data(), 0, nullptr);
  png_image_free(&image);
  if (written == 0) return "";
  file.resize(bytes);
  return "data:image/png;base64," + base64(file);
}

}  // namespace podium::report
