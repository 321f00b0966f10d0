// DrawnImage: one image of an epoch, before it is looked at: which record, augmented how.
//
// Plain data of fixed size: a table of them is copied to a device as it is.
#pragma once

#include <cstdint>
#include <type_traits>

#include "io/image/augmentation_draw.hpp"

namespace podium::train {

struct DrawnImage {
  io::AugmentationDraw draw;
  uint32_t record = 0;  // index within the split
};

static_assert(std::is_trivially_copyable_v<DrawnImage> && sizeof(DrawnImage) == 64);

}  // namespace podium::train
