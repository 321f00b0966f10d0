// How a pixel becomes an input, once for all backends: scale * pixel + shift, by channel, which is
// (pixel / 255 - mean) / stddev (model_card.hpp).
#pragma once

namespace podium::nn {

constexpr float pixel_scale(float stddev) {
  return 1.0F / (255.0F * stddev);
}

constexpr float pixel_shift(float mean, float stddev) {
  return -mean / stddev;
}

}  // namespace podium::nn
