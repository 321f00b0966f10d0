// Random augmentation of images, drawn from (seed, epoch, record) alone: any rank count sees the
// same images.
//
// In this order: flip (Jordan, "94% on CIFAR-10 in 3.29 Seconds", 2024, for alternate flips),
// shift, cutout (DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with
// Cutout", 2017), random erasing (Zhong et al., "Random Erasing Data Augmentation", 2017). Pure
// functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "io/image/augmentation_draw.hpp"
#include "io/image/image_shape.hpp"

namespace podium::io {

struct Augmentation {
  bool flip = false;  // mirror left and right with probability 1/2
  size_t shift = 0;   // move by up to this many pixels in each direction; zeros come in
  size_t cutout = 0;  // side in pixels of a square of zeros around a random pixel, clipped; 0: none
  double erase = 0;   // probability that a random rectangle is filled with random bytes
  bool alternate = false;    // flip one random half in even epochs, the other half in odd ones
  uint64_t cutout_from = 0;  // first epoch with cutout

  bool enabled() const { return flip || shift > 0 || cutout > 0 || erase > 0; }
};

// Why an augmentation makes no sense: of which option, and what to do about it.
struct AugmentationMisfit {
  const char* option;  // "shift"
  const char* what;
  std::string remedy;
};

// Empty when `augmentation` suits images of `shape`.
std::optional<AugmentationMisfit> misfit_of(const Augmentation& augmentation,
                                            const ImageShape& shape);

// The key of one image in one epoch.
struct AugmentationKey {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t record = 0;
};

// What chance decides for the image of `key`.
AugmentationDraw draw(const Augmentation& augmentation, const ImageShape& shape,
                      const AugmentationKey& key);

// Writes `image` [H,W,C], augmented as drawn, to `target`, which has the same size and does not
// overlap.
void apply(const AugmentationDraw& drawn, const ImageShape& shape, const uint8_t* image,
           uint8_t* target);

// Both at once.
void augment(const Augmentation& augmentation, const ImageShape& shape, const AugmentationKey& key,
             const uint8_t* image, uint8_t* target);

}  // namespace podium::io
