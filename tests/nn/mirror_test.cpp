// A card with `mirror`: predictions are means over an image and its mirror image.
#include <gtest/gtest.h>

#include <cmath>

#include "nn/model_fixture.hpp"

namespace podium::nn {
namespace {

constexpr int classes = 3;
constexpr int count = 5;

Model make(ImageShape image, bool mirror, int max_batch = 8) {
  ModelCard card = test::card_of("conv 4 3; bn; relu; dense classes", image, classes);
  card.mirror = mirror;
  Model model(card, make_cpu_ops(1), max_batch);
  model.initialise(2);
  return model;
}

// Computed pixel by pixel.
std::vector<uint8_t> mirrored(const std::vector<uint8_t>& images, ImageShape image) {
  std::vector<uint8_t> result(images.size());
  for (size_t i = 0; i < images.size(); ++i) {
    const size_t channels = static_cast<size_t>(image.channels);
    const size_t width = static_cast<size_t>(image.width);
    const size_t x = i / channels % width;
    result[i] = images[i - x * channels + (width - 1 - x) * channels];
  }
  return result;
}

TEST(Mirror, PredictsByTheMeanOfBothLogits) {
  for (const ImageShape image : {ImageShape{1, 6, 7}, ImageShape{3, 4, 8}}) {
    const test::Batch batch = test::random_batch(image, classes, count);
    std::vector<float> as_is(count * classes);
    std::vector<float> flipped(count * classes);
    std::vector<float> both(count * classes);
    Model plain = make(image, false);
    plain.predict(batch.images, as_is);
    plain.predict(mirrored(batch.images, image), flipped);
    make(image, true).predict(batch.images, both);
    EXPECT_NE(as_is, flipped);
    for (size_t row = 0; row < count; ++row) {
      // The mean of logits is, up to a constant, the mean of log probabilities.
      double norm = 0;
      const auto mean = [&](size_t k) {
        return std::sqrt(static_cast<double>(as_is[row * classes + k]) *
                         static_cast<double>(flipped[row * classes + k]));
      };
      for (size_t k = 0; k < classes; ++k) norm += mean(k);
      for (size_t k = 0; k < classes; ++k) {
        EXPECT_NEAR(both[row * classes + k], mean(k) / norm, 1e-5);
      }
    }
  }
}

TEST(Mirror, AnImageAndItsMirrorImagePredictTheSame) {
  const ImageShape image{3, 6, 7};
  const test::Batch batch = test::random_batch(image, classes, count);
  Model model = make(image, true);
  std::vector<float> one(count * classes);
  std::vector<float> other(count * classes);
  model.predict(batch.images, one);
  model.predict(mirrored(batch.images, image), other);
  EXPECT_EQ(one, other);
}

TEST(Mirror, HoldsForPartsOfABatchAndManyInTurn) {
  const ImageShape image{1, 6, 7};
  const test::Batch batch = test::random_batch(image, classes, count);
  Model model = make(image, true, count);
  std::vector<float> all(count * classes);
  model.predict(batch.images, all);
  for (size_t n = 1; n <= count; ++n) {
    std::vector<float> some(n * classes);
    model.predict(std::span(batch.images).first(n * static_cast<size_t>(image.size())), some);
    for (size_t i = 0; i < some.size(); ++i) EXPECT_NEAR(some[i], all[i], 2e-6);
  }
}

}  // namespace
}  // namespace podium::nn
