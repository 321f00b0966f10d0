// Small models and synthetic images for the tests of nn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "nn/cpu/cpu_ops.hpp"
#include "nn/model.hpp"
#include "nn/ops.hpp"

namespace podium::nn::test {

inline ModelCard card_of(const std::string& architecture, ImageShape image, int classes) {
  const auto channels = static_cast<size_t>(image.channels);
  ModelCard card;
  card.name = "test";
  card.architecture = architecture;
  card.image = image;
  card.classes = classes;
  card.preprocess.mean.assign(channels, 0.45F);
  card.preprocess.stddev.assign(channels, 0.3F);
  return card;
}

inline Model make_model(const std::string& architecture, ImageShape image, int classes,
                        int max_batch, int threads = 1) {
  return Model(card_of(architecture, image, classes), make_cpu_ops(threads), max_batch);
}

struct Batch {
  std::vector<uint8_t> images;  // [N,H,W,C]
  std::vector<uint8_t> labels;
};

inline Batch random_batch(ImageShape image, int classes, int count, uint64_t seed = 7) {
  Random random(seed);
  Batch batch;
  batch.images.resize(static_cast<size_t>(image.size() * count));
  batch.labels.resize(static_cast<size_t>(count));
  for (uint8_t& pixel : batch.images) pixel = static_cast<uint8_t>(random.below(256));
  for (uint8_t& label : batch.labels) {
    label = static_cast<uint8_t>(random.below(static_cast<uint64_t>(classes)));
  }
  return batch;
}

}  // namespace podium::nn::test
