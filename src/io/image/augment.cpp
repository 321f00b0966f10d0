#include "io/image/augment.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/random.hpp"

namespace podium::io {
namespace {

constexpr uint64_t augmentation_stream =
    0x6175676d656e74;                         // "augment": apart from other uses of seed
constexpr uint64_t flip_stream = 0x666c6970;  // "flip"

// Zhong et al., section 4: area as a share of the image, and height over width.
constexpr double least_area = 0.02;
constexpr double most_area = 0.33;
constexpr double least_aspect = 0.3;
constexpr double most_aspect = 1 / 0.3;
constexpr int erase_attempts = 100;  // for a rectangle that fits

// Copies `pixels` pixels backwards.
template <size_t channels>
void mirror_pixels(const uint8_t* from, uint8_t* to, size_t pixels) {
  for (size_t x = 0; x < pixels; ++x) {
    for (size_t channel = 0; channel < channels; ++channel) {
      to[x * channels + channel] = from[(pixels - 1 - x) * channels + channel];
    }
  }
}

void mirror(const uint8_t* from, uint8_t* to, size_t pixels, size_t channels) {
  if (channels == 1) return mirror_pixels<1>(from, to, pixels);
  if (channels == 3) return mirror_pixels<3>(from, to, pixels);
  for (size_t x = 0; x < pixels; ++x) {
    std::memcpy(to + x * channels, from + (pixels - 1 - x) * channels, channels);
  }
}

// Each target pixel is written once: a copied row with zeros at its sides, or a row of zeros.
void place(const AugmentationDraw& drawn, const ImageShape& shape, const uint8_t* image,
           uint8_t* target) {
  const bool flip = drawn.flip != 0;
  const size_t row_bytes = shape.width * shape.channels;
  const auto columns = shape.width - static_cast<size_t>(std::abs(drawn.right));
  const auto to = static_cast<size_t>(std::max(0, drawn.right));
  auto from = static_cast<size_t>(std::max(0, -drawn.right));
  if (flip) from = shape.width - columns - from;  // counted from the other side
  for (size_t y = 0; y < shape.height; ++y) {
    uint8_t* row = target + y * row_bytes;
    const int64_t source_y = static_cast<int64_t>(y) - drawn.down;
    if (source_y < 0 || source_y >= static_cast<int64_t>(shape.height)) {
      std::memset(row, 0, row_bytes);
      continue;
    }
    const uint8_t* source =
        image + static_cast<size_t>(source_y) * row_bytes + from * shape.channels;
    uint8_t* begin = row + to * shape.channels;
    std::memset(row, 0, to * shape.channels);
    if (flip) {
      mirror(source, begin, columns, shape.channels);
    } else {
      std::memcpy(begin, source, columns * shape.channels);
    }
    std::memset(begin + columns * shape.channels, 0, (shape.width - to - columns) * shape.channels);
  }
}

// The part of a square of side `side` around `centre` that lies within [0, limit).
void clip(size_t centre, size_t side, size_t limit, uint32_t& begin, uint32_t& end) {
  const int64_t first = static_cast<int64_t>(centre) - static_cast<int64_t>(side / 2);
  begin = static_cast<uint32_t>(std::max<int64_t>(0, first));
  end = static_cast<uint32_t>(
      std::min(limit, static_cast<size_t>(first + static_cast<int64_t>(side))));
}

Rectangle draw_hole(const ImageShape& shape, size_t side, Random& random) {
  Rectangle hole;
  clip(random.below(shape.height), side, shape.height, hole.top, hole.bottom);
  clip(random.below(shape.width), side, shape.width, hole.left, hole.right);
  return hole;
}

// Draws areas and aspects until a rectangle fits; an image too narrow for any stays as it is.
Rectangle draw_erased(const ImageShape& shape, Random& random) {
  const auto pixels = static_cast<double>(shape.height * shape.width);
  for (int attempt = 0; attempt < erase_attempts; ++attempt) {
    const double area = pixels * (least_area + random.uniform() * (most_area - least_area));
    const double aspect = least_aspect + random.uniform() * (most_aspect - least_aspect);
    const auto height = static_cast<size_t>(std::lround(std::sqrt(area * aspect)));
    const auto width = static_cast<size_t>(std::lround(std::sqrt(area / aspect)));
    if (height == 0 || width == 0 || height > shape.height || width > shape.width) continue;
    const size_t top = random.below(shape.height - height + 1);
    const size_t left = random.below(shape.width - width + 1);
    return {static_cast<uint32_t>(top), static_cast<uint32_t>(top + height),
            static_cast<uint32_t>(left), static_cast<uint32_t>(left + width)};
  }
  return {};
}

void cut_out(const Rectangle& hole, const ImageShape& shape, uint8_t* image) {
  for (size_t y = hole.top; y < hole.bottom; ++y) {
    std::memset(image + (y * shape.width + hole.left) * shape.channels, 0,
                (hole.right - hole.left) * shape.channels);
  }
}

void erase(const AugmentationDraw& drawn, const ImageShape& shape, uint8_t* image) {
  const Rectangle& hole = drawn.erased;
  const size_t bytes = (hole.right - hole.left) * shape.channels;
  uint64_t group = 0;
  for (size_t y = hole.top; y < hole.bottom; ++y) {
    uint8_t* row = image + (y * shape.width + hole.left) * shape.channels;
    for (size_t at = 0; at < bytes; at += noise_bytes) {
      const uint64_t noise = noise_of(drawn, group++);
      std::memcpy(row + at, &noise, std::min(noise_bytes, bytes - at));
    }
  }
}

bool draw_flip(const Augmentation& augmentation, const AugmentationKey& key, Random& random) {
  if (!augmentation.flip) return false;
  if (!augmentation.alternate) return random.uniform() < 0.5;
  const uint64_t half = Random(mix64(key.seed ^ flip_stream), key.record).next() >> 63;
  return ((half + key.epoch) & 1) != 0;
}

}  // namespace

std::optional<AugmentationMisfit> misfit_of(const Augmentation& augmentation,
                                            const ImageShape& shape) {
  const size_t smaller_side = std::min(shape.height, shape.width);
  if (augmentation.shift >= smaller_side) {
    return AugmentationMisfit{"shift", "images cannot be shifted by their whole size",
                              "shift by less than " + std::to_string(smaller_side) + " pixels"};
  }
  if (augmentation.cutout >= 2 * smaller_side) {
    return AugmentationMisfit{"cutout", "a square that covers any image leaves nothing to learn",
                              "cut out less than " + std::to_string(2 * smaller_side) + " pixels"};
  }
  if (!(augmentation.erase >= 0 && augmentation.erase <= 1)) {
    return AugmentationMisfit{"erase", "a probability lies between 0 and 1", "correct it"};
  }
  return {};
}

AugmentationDraw draw(const Augmentation& augmentation, const ImageShape& shape,
                      const AugmentationKey& key) {
  Random random(mix64(key.seed ^ augmentation_stream), key.epoch, key.record);
  AugmentationDraw drawn;
  drawn.flip = draw_flip(augmentation, key, random) ? 1 : 0;
  if (augmentation.shift > 0) {
    const auto reach = static_cast<int32_t>(augmentation.shift);
    drawn.down = static_cast<int32_t>(random.below(2 * augmentation.shift + 1)) - reach;
    drawn.right = static_cast<int32_t>(random.below(2 * augmentation.shift + 1)) - reach;
  }
  if (augmentation.cutout > 0 && key.epoch >= augmentation.cutout_from) {
    drawn.hole = draw_hole(shape, augmentation.cutout, random);
  }
  if (augmentation.erase > 0 && random.uniform() < augmentation.erase) {
    drawn.erased = draw_erased(shape, random);
    drawn.noise = random.state();
  }
  return drawn;
}

void apply(const AugmentationDraw& drawn, const ImageShape& shape, const uint8_t* image,
           uint8_t* target) {
  if (drawn.flip == 0 && drawn.down == 0 && drawn.right == 0) {
    std::memcpy(target, image, shape.bytes());
  } else {
    place(drawn, shape, image, target);
  }
  if (!drawn.hole.empty()) cut_out(drawn.hole, shape, target);
  if (!drawn.erased.empty()) erase(drawn, shape, target);
}

void augment(const Augmentation& augmentation, const ImageShape& shape, const AugmentationKey& key,
             const uint8_t* image, uint8_t* target) {
  apply(draw(augmentation, shape, key), shape, image, target);
}

}  // namespace podium::io
