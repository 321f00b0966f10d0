// What an image costs at least, against sums by hand, and which limit binds.
#include "bench/nn_limits.hpp"

#include <gtest/gtest.h>

namespace podium::bench {
namespace {

io::DatasetInfo info() {
  io::DatasetInfo info;
  info.height = info.width = 8;
  info.channels = 1;
  info.classes = 3;
  return info;
}

// In training the batch norm has taken up ReLU and pool, in prediction the convolution the norm.
const train::Recipe recipe = {.name = "small",
                              .architecture = "conv 4 3; bn; relu; pool 2; dense classes"};
constexpr double convolution = 8 * 8 * 4;
constexpr double pooled = 4 * 4 * 4;
constexpr double flops = 2.0 * 9 * convolution + 2.0 * 3 * pooled;

TEST(NnLimits, ActivationsAreCountedOncePerTouch) {
  const ImageCost training = training_cost(info(), recipe);
  EXPECT_EQ(training.flops, 3 * flops);
  EXPECT_EQ(training.bytes, 5 * 4 * (convolution + pooled + 3));
  const ImageCost prediction = prediction_cost(info(), recipe);
  EXPECT_EQ(prediction.flops, flops);
  EXPECT_EQ(prediction.bytes, 2 * 4 * (convolution + pooled + 3));
}

TEST(NnLimits, Bf16HalvesTheBytesOfTrainingAndMirrorsDoublePredictions) {
  train::Recipe other = recipe;
  other.numerics.precision = nn::Precision::bf16;
  other.mirror = true;
  EXPECT_EQ(training_cost(info(), other).bytes, training_cost(info(), recipe).bytes / 2);
  EXPECT_EQ(prediction_cost(info(), other).bytes, 2 * prediction_cost(info(), recipe).bytes);
  EXPECT_EQ(prediction_cost(info(), other).flops, 2 * flops);
}

TEST(NnLimits, TheSmallerOneBinds) {
  const ImageCost cost{100, 10};
  EXPECT_EQ(device_limit(cost, {.flops = 1000, .bytes_per_s = 200}).images_per_s, 10);
  EXPECT_STREQ(device_limit(cost, {.flops = 1000, .bytes_per_s = 200}).what, "FLOP peak");
  EXPECT_EQ(device_limit(cost, {.flops = 1000, .bytes_per_s = 50}).images_per_s, 5);
  EXPECT_STREQ(device_limit(cost, {.flops = 1000, .bytes_per_s = 50}).what, "memory limit");
}

}  // namespace
}  // namespace podium::bench
