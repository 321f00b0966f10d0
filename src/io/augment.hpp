// Random augmentation of images, drawn from (seed, epoch, record) alone: any rank count sees the
// same images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/image_shape.hpp"

namespace podium::io {

struct Augmentation {
  bool flip = false;  // mirror left and right with probability 1/2
  size_t shift = 0;   // move by up to this many pixels in each direction; zeros come in

  bool enabled() const { return flip || shift > 0; }
};

// The key of one image in one epoch.
struct AugmentationKey {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t record = 0;
};

// Augments `image` [H,W,C] in place; `scratch` has the same size.
void augment(const Augmentation& augmentation, const ImageShape& shape, const AugmentationKey& key,
             std::span<uint8_t> image, std::span<uint8_t> scratch);

}  // namespace podium::io
