// BatchWriter: puts single records into the buffers of a batch, augmented on their way if asked.
//
// A view of buffers that somebody else owns. Threads may put different positions at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "io/image/augment.hpp"
#include "io/image/image_shape.hpp"

namespace podium::io {

struct BatchWriter {
  ImageShape shape;
  std::span<uint8_t> images;  // [n,H,W,C]
  std::span<uint8_t> labels;  // [n]

  // With an enabled augmentation: the seed and epoch of its keys, and the records [n] that go to
  // the positions.
  Augmentation augmentation;
  uint64_t seed = 0;
  uint64_t epoch = 0;
  std::span<const uint32_t> records;

  void put(size_t position, const uint8_t* image, uint8_t label) const {
    if (!augmentation.enabled()) return copy(position, image, label);
    augment(augmentation, shape, {seed, epoch, records[position]}, image,
            images.data() + position * shape.bytes());
    labels[position] = label;
  }

  // As put(), without augmentation.
  void copy(size_t position, const uint8_t* image, uint8_t label) const {
    const size_t bytes = shape.bytes();
    std::memcpy(images.data() + position * bytes, image, bytes);
    labels[position] = label;
  }
};

}  // namespace podium::io
