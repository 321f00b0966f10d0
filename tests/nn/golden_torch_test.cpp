// Forward and backward passes, predictions and ten steps of training against PyTorch in float64
// (golden_torch.py).
//
// Errors are relative: the largest difference within a buffer, over the buffer's largest value.
// They stay below 1e-5, or below four times what PyTorch's float32 strays from its float64 in the
// same pass, where that is more: the whole ResNet alone has sums that long. The input gradient of a
// layer, which the interface does not show, is seen through the gradients of the layers before it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nn/golden_file.hpp"
#include "nn/sgd.hpp"

namespace podium::nn {
namespace {

using golden::Case;

constexpr double kTolerance = 1e-5;
constexpr double kErrorFactor = 4;
constexpr float kSmoothing = 0.1F;
// What the training of golden_torch.py does.
constexpr float kRate = 0.01F;
constexpr SgdOptions kSgd = {0.9F, 0.1F};
// Rounding errors grow from step to step, in PyTorch's float32 too, so that only exact rounding can
// follow for long. A loss may stray from float64 ten times as far as PyTorch's did until that step:
// another order of sums gives another error of the same size, and ten leaves room for chance. An
// error of a formula is far beyond: without weight decay the losses are wrong by 1e-4 and more.
constexpr double kStrayFactor = 10;

std::vector<Case> cases(bool training) {
  std::vector<Case> all = golden::read_cases(PODIUM_GOLDEN_FILE);
  std::erase_if(all, [&](const Case& each) { return each.results.contains("losses") != training; });
  return all;
}

struct Parameter {
  Case a_case;
  int threads;
  Rounding rounding;

  friend std::ostream& operator<<(std::ostream& out, const Parameter& parameter) {
    return out << parameter.a_case.architecture;
  }
};

std::vector<Parameter> parameters(bool training) {
  std::vector<Parameter> list;
  for (const Case& each : cases(training)) {
    for (const int threads : {1, 2}) {
      list.push_back({each, threads, Rounding::exact});
      if (!training) list.push_back({each, threads, Rounding::fast});
    }
  }
  return list;
}

std::string name_of(const testing::TestParamInfo<Parameter>& info) {
  const bool exact = info.param.rounding == Rounding::exact;
  return info.param.a_case.name + "_threads" + std::to_string(info.param.threads) +
         (exact ? "_exact" : "_fast");
}

Model make_model(const Parameter& parameter, int max_batch) {
  const Case& a_case = parameter.a_case;
  ModelCard card = test::card_of(a_case.architecture, a_case.image, a_case.classes);
  const std::vector<float> mean = {0.25F, 0.5F, 0.375F};
  const std::vector<float> stddev = {0.25F, 0.5F, 0.3125F};
  const auto channels = static_cast<size_t>(a_case.image.channels);
  card.preprocess.mean.assign(mean.begin(), mean.begin() + static_cast<long>(channels));
  card.preprocess.stddev.assign(stddev.begin(), stddev.begin() + static_cast<long>(channels));
  return {std::move(card), make_cpu_ops(parameter.threads, {.rounding = parameter.rounding}),
          max_batch};
}

// Passes of other batches before leave nothing behind that shows in the next one.
void leave_traces(Model& model, const Case& a_case) {
  for (const int images : {a_case.images + 2, a_case.images}) {
    const test::Batch batch = test::random_batch(a_case.image, a_case.classes, images);
    model.forward_backward(batch.images, batch.labels, 0.0F);
    std::vector<float> probabilities(static_cast<size_t>(images * a_case.classes));
    model.predict(batch.images, probabilities);
  }
  std::ranges::fill(model.gradients(), 1e6F);
  model.initialise(1);
}

void expect_close(std::span<const float> actual, const std::vector<double>& expected,
                  const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double largest = 0;
  double difference = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    const double each = std::abs(actual[i] - expected[i]);
    difference = each <= difference ? difference : each;  // takes a NaN up
  }
  EXPECT_LE(difference, kTolerance * largest) << what;
}

void expect_gradients(Model& model, const Case& a_case) {
  const double tolerance = std::max(kTolerance, kErrorFactor * a_case.float32_error);
  size_t first = 0;  // of the samples of a buffer
  size_t number = 0;
  for (const BufferInfo& buffer : model.buffers()) {
    if (buffer.statistic) continue;
    const auto actual = model.gradients().subspan(buffer.offset, buffer.count);
    const double largest = a_case.at("largest").at(number);
    const size_t samples = std::min(buffer.count, golden::kSamples);
    double difference = 0;
    for (size_t i = 0; i < samples; ++i) {
      const double expected = a_case.at("gradients").at(first + i);
      const double each = std::abs(actual[golden::sample_place(i, buffer.count)] - expected);
      difference = each <= difference ? difference : each;
    }
    EXPECT_LE(difference, tolerance * largest) << "gradient of " << buffer.name;
    // Errors of rounding are independent: their sum grows with the root of their number.
    const double sum_error =
        std::abs(golden::signed_sum(actual) - a_case.at("signed_sums").at(number));
    EXPECT_LE(sum_error, tolerance * largest * std::sqrt(static_cast<double>(buffer.count)))
        << "signed sum of the gradient of " << buffer.name;
    first += samples;
    ++number;
  }
  EXPECT_EQ(first, a_case.at("gradients").size());
  EXPECT_EQ(number, a_case.at("largest").size());
}

class GoldenStep : public testing::TestWithParam<Parameter> {};

TEST_P(GoldenStep, AgreesWithPyTorch) {
  const Case& a_case = GetParam().a_case;
  Model model = make_model(GetParam(), a_case.images + 2);
  leave_traces(model, a_case);
  golden::set_parameters(model, a_case.seed);
  const test::Batch batch = golden::batch_of(a_case, 0);

  const Model::StepResult result = model.forward_backward(batch.images, batch.labels, kSmoothing);
  const double loss = a_case.at("loss").front();
  EXPECT_NEAR(result.loss_sum / a_case.images, loss, kTolerance * loss);
  EXPECT_EQ(result.correct, a_case.correct);
  expect_gradients(model, a_case);
  expect_close(model.statistics(), a_case.at("statistics"), "statistics");

  std::vector<float> probabilities(static_cast<size_t>(a_case.images * a_case.classes));
  model.predict(batch.images, probabilities);
  expect_close(probabilities, a_case.at("probabilities"), "probabilities");
}

class GoldenTraining : public testing::TestWithParam<Parameter> {};

TEST_P(GoldenTraining, LossesTrackPyTorch) {
  const Case& a_case = GetParam().a_case;
  Model model = make_model(GetParam(), a_case.images);
  golden::set_parameters(model, a_case.seed);
  Sgd sgd(model.buffers(), model.parameters().size(), kSgd);
  double stray = kTolerance / kStrayFactor;
  for (size_t step = 0; step < a_case.at("losses").size(); ++step) {
    const test::Batch batch = golden::batch_of(a_case, step);
    const auto result = model.forward_backward(batch.images, batch.labels, kSmoothing);
    sgd.step(model.parameters(), model.gradients(), kRate);

    const double exact = a_case.at("losses").at(step);
    stray = std::max(stray, std::abs(a_case.at("losses_float32").at(step) / exact - 1));
    EXPECT_NEAR(result.loss_sum / a_case.images, exact, kStrayFactor * stray * exact)
        << "in step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenStep, testing::ValuesIn(parameters(false)), name_of);
INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenTraining, testing::ValuesIn(parameters(true)), name_of);

}  // namespace
}  // namespace podium::nn
