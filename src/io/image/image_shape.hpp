// The shape of one image: uint8 [H,W,C], channels last.
#pragma once

#include <cstddef>
#include <string>

namespace podium::io {

struct ImageShape {
  size_t height = 0;
  size_t width = 0;
  size_t channels = 0;

  size_t bytes() const { return height * width * channels; }
  bool operator==(const ImageShape&) const = default;
};

// "28x28x1", for messages.
inline std::string shape_text(const ImageShape& shape) {
  return std::to_string(shape.height) + "x" + std::to_string(shape.width) + "x" +
         std::to_string(shape.channels);
}

}  // namespace podium::io
