#include "io/augment.hpp"

#include <algorithm>
#include <cstring>

#include "core/random.hpp"

namespace podium::io {
namespace {

constexpr uint64_t augmentation_stream =
    0x6175676d656e74;  // "augment": apart from other uses of seed

void flip(const ImageShape& shape, std::span<uint8_t> image) {
  const size_t row_bytes = shape.width * shape.channels;
  for (size_t y = 0; y < shape.height; ++y) {
    uint8_t* row = image.data() + y * row_bytes;
    for (size_t left = 0, right = shape.width - 1; left < right; ++left, --right) {
      std::swap_ranges(row + left * shape.channels, row + (left + 1) * shape.channels,
                       row + right * shape.channels);
    }
  }
}

// Moves the image by (down, right) pixels; zeros come in.
void shift(const ImageShape& shape, int64_t down, int64_t right, std::span<uint8_t> image,
           std::span<uint8_t> scratch) {
  const auto height = static_cast<int64_t>(shape.height);
  const auto width = static_cast<int64_t>(shape.width);
  const size_t row_bytes = shape.width * shape.channels;
  std::copy(image.begin(), image.end(), scratch.begin());
  std::fill(image.begin(), image.end(), uint8_t{0});
  const int64_t columns = width - std::abs(right);
  if (columns <= 0) return;
  const int64_t from = std::max<int64_t>(0, -right);
  const int64_t to = std::max<int64_t>(0, right);
  for (int64_t y = std::max<int64_t>(0, down); y < std::min(height, height + down); ++y) {
    std::memcpy(image.data() + y * row_bytes + to * shape.channels,
                scratch.data() + (y - down) * row_bytes + from * shape.channels,
                columns * shape.channels);
  }
}

}  // namespace

void augment(const Augmentation& augmentation, const ImageShape& shape, const AugmentationKey& key,
             std::span<uint8_t> image, std::span<uint8_t> scratch) {
  Random random(mix64(key.seed ^ augmentation_stream), key.epoch, key.record);
  if (augmentation.flip && random.uniform() < 0.5) flip(shape, image);
  if (augmentation.shift > 0) {
    const auto reach = static_cast<int64_t>(augmentation.shift);
    const auto down = static_cast<int64_t>(random.below(2 * augmentation.shift + 1)) - reach;
    const auto right = static_cast<int64_t>(random.below(2 * augmentation.shift + 1)) - reach;
    if (down != 0 || right != 0) shift(shape, down, right, image, scratch);
  }
}

}  // namespace podium::io
