// The shape of one image: uint8 [H,W,C], channels last.
#pragma once

#include <cstddef>

namespace podium::io {

struct ImageShape {
  size_t height = 0;
  size_t width = 0;
  size_t channels = 0;

  size_t bytes() const { return height * width * channels; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace podium::io
