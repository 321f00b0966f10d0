// Two training steps against an independent float64 implementation (golden.py).
#include <gtest/gtest.h>

#include <cmath>

#include "nn/golden_values.hpp"
#include "nn/model_fixture.hpp"
#include "nn/sgd.hpp"

namespace podium::nn {
namespace {

constexpr int kImages = 5;
constexpr int kClasses = 3;

ModelCard golden_card(const std::string& architecture) {
  ModelCard card = test::card_of(architecture, {2, 8, 8}, kClasses);
  card.preprocess = {{0.4F, 0.6F}, {0.25F, 0.5F}};
  return card;
}

void set_parameters(Model& model) {
  const std::span<float> parameters = model.parameters();
  for (const BufferInfo& buffer : model.buffers()) {
    if (buffer.statistic) continue;
    const double base = buffer.name.ends_with(".scale") ? 1.0 : 0.0;
    for (size_t i = buffer.offset; i < buffer.offset + buffer.count; ++i) {
      parameters[i] = static_cast<float>(base + 0.4 * std::sin(1.3 * static_cast<double>(i) + 0.7));
    }
  }
}

test::Batch golden_batch() {
  test::Batch batch;
  for (int64_t i = 0; i < kImages * 128; ++i) {
    const int64_t root = i * 97 + 13;
    batch.images.push_back(static_cast<uint8_t>(root * root / 7 % 256));
  }
  for (int i = 0; i < kImages; ++i) batch.labels.push_back(static_cast<uint8_t>(i * 2 % kClasses));
  return batch;
}

template <typename Expected>
void expect_close(std::span<const float> actual, const Expected& expected, double tolerance,
                  const char* what) {
  ASSERT_EQ(actual.size(), std::size(expected)) << what;
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1.0 + std::abs(expected[i])))
        << what << " at " << i;
  }
}

struct Golden {
  const char* architecture;
  std::span<const double> losses;
  int correct;
  std::span<const double> gradients;
  std::span<const double> parameters;
  std::span<const double> statistics;
  std::span<const double> probabilities;
};

void expect_golden(const Golden& golden) {
  Model model(golden_card(golden.architecture), make_cpu_ops(1), kImages);
  set_parameters(model);
  Sgd sgd(model.buffers(), model.parameters().size(), {0.9F, 0.01F});
  const test::Batch batch = golden_batch();

  const Model::StepResult first = model.forward_backward(batch.images, batch.labels, 0.1F);
  EXPECT_NEAR(first.loss_sum, golden.losses[0], 1e-4);
  EXPECT_EQ(first.correct, golden.correct);
  expect_close(model.gradients(), golden.gradients, 2e-5, "gradient");
  sgd.step(model.parameters(), model.gradients(), 0.05F);

  const Model::StepResult second = model.forward_backward(batch.images, batch.labels, 0.1F);
  EXPECT_NEAR(second.loss_sum, golden.losses[1], 1e-4);
  sgd.step(model.parameters(), model.gradients(), 0.05F);
  expect_close(model.parameters(), golden.parameters, 2e-5, "parameter");
  expect_close(model.statistics(), golden.statistics, 2e-5, "statistic");

  std::vector<float> probabilities(kImages * kClasses);
  model.predict(batch.images, probabilities);
  expect_close(std::span<const float>(probabilities), golden.probabilities, 2e-5, "probability");
}

TEST(Golden, ConvolutionNormPoolResidualDense) {
  namespace g = golden::conv_bn_pool_res_dense;
  expect_golden({"conv 4 3; bn; relu; pool 2; res 6 2; dense 7; relu; dense classes", g::kLosses,
                 g::kCorrect, g::kGradients, g::kParameters, g::kStatistics, g::kProbabilities});
}

TEST(Golden, BiasEvenKernelIdentityShortcutAverage) {
  namespace g = golden::bias_stride_identity_average;
  expect_golden(
      {"conv 5 4 stride 2; relu; res 5 1 { bn; relu; conv 5 3; relu }; avgpool 2; "
       "res 4 1 { conv 4 1 }; gap; dense classes",
       g::kLosses, g::kCorrect, g::kGradients, g::kParameters, g::kStatistics, g::kProbabilities});
}

}  // namespace
}  // namespace podium::nn
