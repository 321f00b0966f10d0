// Training in bf16: gradients stay close to those of fp32, without being them; predictions are
// those of fp32 to the bit; a network learns all the same.
#include <gtest/gtest.h>

#include <cmath>

#include "nn/model_fixture.hpp"
#include "nn/sgd.hpp"

namespace podium::nn {
namespace {

constexpr ImageShape kImage = {3, 12, 12};
constexpr int kClasses = 10;
constexpr int kImages = 32;

class Precisions : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!cpu_can_bf16()) GTEST_SKIP() << "SKIPPED: oneDNN computes in bf16 from AVX-512 on";
  }

  static Model model(Precision precision) {
    Model made(card_of(GetParam(), kImage, kClasses), make_cpu_ops(1, {.precision = precision}),
               kImages);
    made.initialise(3);
    return made;
  }

  static ModelCard card_of(const std::string& text, ImageShape image, int classes) {
    return test::card_of(text, image, classes);
  }
};

double norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return std::sqrt(sum);
}

TEST_P(Precisions, GradientsDifferByTheRoundingAlone) {
  Model exact = model(Precision::fp32);
  Model rounded = model(Precision::bf16);
  const test::Batch batch = test::random_batch(kImage, kClasses, kImages);
  exact.forward_backward(batch.images, batch.labels, 0.1F);
  rounded.forward_backward(batch.images, batch.labels, 0.1F);
  std::vector<float> differences(exact.gradients().size());
  for (size_t i = 0; i < differences.size(); ++i) {
    differences[i] = rounded.gradients()[i] - exact.gradients()[i];
  }
  const double relative = norm(differences) / norm(exact.gradients());
  EXPECT_GT(relative, 1e-5) << "computed in fp32";
  EXPECT_LT(relative, 0.2);
}

TEST_P(Precisions, PredictionsAreThoseOfFp32) {
  Model exact = model(Precision::fp32);
  Model rounded = model(Precision::bf16);
  const test::Batch batch = test::random_batch(kImage, kClasses, kImages);
  std::vector<float> expected(size_t{kImages} * kClasses);
  std::vector<float> actual(expected.size());
  exact.predict(batch.images, expected);
  rounded.predict(batch.images, actual);
  EXPECT_EQ(actual, expected);
}

TEST_P(Precisions, ANetworkLearnsInBf16) {
  Model rounded = model(Precision::bf16);
  Sgd sgd(rounded.buffers(), rounded.parameter_count(), {.momentum = 0.9F});
  const test::Batch batch = test::random_batch(kImage, kClasses, kImages);
  Model::StepResult result;
  for (int step = 0; step < 60; ++step) {
    result = rounded.forward_backward(batch.images, batch.labels, 0.0F);
    sgd.step(rounded.parameters(), rounded.gradients(), 0.02F);
  }
  EXPECT_EQ(result.correct, kImages);
}

INSTANTIATE_TEST_SUITE_P(
    Networks, Precisions,
    testing::Values(
        "dense 64; relu; dense classes",
        "conv 16 3; bn; relu; pool 2; conv 32 3; relu; dense 32; bn; relu; dense classes",
        "conv 16 3; bn; relu; res 16 1; res 32 2; gap; dense classes",
        "conv 5 3; relu; conv 7 3 stride 2; relu; dense classes"));

}  // namespace
}  // namespace podium::nn
