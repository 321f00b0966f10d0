// The shape of one image or feature map, without the batch dimension.
//
// Podium writes shapes logically as [N,C,H,W]; in memory every activation is NHWC, so the channels
// of one pixel are neighbours.
#pragma once

#include <cstdint>

namespace podium::nn {

struct ImageShape {
  int channels = 0;
  int height = 0;
  int width = 0;

  int64_t pixels() const { return int64_t{height} * width; }
  int64_t size() const { return pixels() * channels; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace podium::nn
