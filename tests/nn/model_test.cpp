// Models as a whole: learning, determinism, batch sizes, and misuse.
#include "nn/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/error.hpp"
#include "nn/model_fixture.hpp"
#include "nn/sgd.hpp"

namespace podium::nn {
namespace {

constexpr ImageShape kImage{1, 12, 12};
constexpr int kClasses = 5;
constexpr const char* kCnn =
    "conv 8 3; bn; relu; pool 2; res 12 2; dropout 0.1; dense 16; relu; dense classes";

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::vector<float> train(const char* architecture, int steps, int threads, uint64_t seed = 1) {
  Model model = test::make_model(architecture, kImage, kClasses, 16, threads);
  model.initialise(seed);
  Sgd sgd(model.buffers(), model.parameters().size(), {});
  for (int i = 0; i < steps; ++i) {
    const test::Batch batch =
        test::random_batch(kImage, kClasses, i % 4 == 3 ? 5 : 16, static_cast<uint64_t>(i));
    model.forward_backward(batch.images, batch.labels, 0.1F);
    sgd.step(model.parameters(), model.gradients(), 0.05F);
  }
  return {model.parameters().begin(), model.parameters().end()};
}

class Overfits : public testing::TestWithParam<const char*> {};

TEST_P(Overfits, AFewImages) {
  Model model = test::make_model(GetParam(), kImage, kClasses, 24);
  model.initialise(3);
  Sgd sgd(model.buffers(), model.parameters().size(), {});
  const test::Batch batch = test::random_batch(kImage, kClasses, 24);
  Model::StepResult result;
  for (int i = 0; i < 250; ++i) {
    result = model.forward_backward(batch.images, batch.labels, 0.0F);
    sgd.step(model.parameters(), model.gradients(), 0.02F);
  }
  EXPECT_LT(result.loss_sum / 24, 0.02);
  EXPECT_EQ(result.correct, 24);
  std::vector<float> probabilities(24 * kClasses);
  model.predict(batch.images, probabilities);
  for (size_t n = 0; n < 24; ++n) {
    EXPECT_GT(probabilities[n * kClasses + batch.labels[n]], 0.8F) << "image " << n;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Overfits,
    testing::Values("dense 32; relu; dense classes",
                    "conv 8 3; bn; relu; pool 2; dense 16; relu; dense classes",
                    "conv 8 3; bn; relu; res 8 1; res 12 2; gap; "
                    "dense classes"));

TEST(Model, SameSeedSameBits) {
  EXPECT_TRUE(same_bits(train(kCnn, 12, 1), train(kCnn, 12, 1)));
  EXPECT_TRUE(same_bits(train(kCnn, 12, 2), train(kCnn, 12, 2)));
  EXPECT_FALSE(same_bits(train(kCnn, 2, 1, 1), train(kCnn, 2, 1, 2)));
}

TEST(Model, ABlankOneIsZeroUntilItIsFilled) {
  const Model initial = test::make_model(kCnn, kImage, kClasses, 16);
  Model blank(initial.card(), make_cpu_ops(1), 16, Model::Weights::blank);
  const auto is_zero = [](float value) { return value == 0.0F; };
  EXPECT_TRUE(std::ranges::all_of(blank.parameters(), is_zero));
  EXPECT_TRUE(std::ranges::all_of(blank.statistics(), is_zero));
  EXPECT_FALSE(std::ranges::all_of(initial.parameters(), is_zero));
}

TEST(Model, InitialWeightsHaveTheSpreadOfHe) {
  Model model = test::make_model("conv 64 3; relu; dense 64; relu; dense classes", kImage, 10, 1);
  model.initialise(9);
  const BufferInfo& weight = model.buffers()[2];
  ASSERT_EQ(weight.name, "2.dense.weight");
  double squares = 0;
  for (const float w : model.parameters().subspan(weight.offset, weight.count)) {
    squares += static_cast<double>(w) * static_cast<double>(w);
  }
  const double expected = 2.0 / static_cast<double>(weight.shape[1]);
  EXPECT_NEAR(squares / static_cast<double>(weight.count), expected, 0.02 * expected);
}

TEST(Model, TailsPredictWhatTheBigBatchPredicts) {
  constexpr int most = 37;
  Model model = test::make_model(kCnn, kImage, kClasses, most);
  model.initialise(4);
  const test::Batch batch = test::random_batch(kImage, kClasses, most);
  model.forward_backward(batch.images, batch.labels, 0.0F);  // statistics away from their start
  std::vector<float> all(most * kClasses);
  model.predict(batch.images, all);
  for (const size_t count : {1, 2, 3, 5, 7, 16, 33, 36}) {
    std::vector<float> some(count * kClasses);
    const size_t bytes = count * static_cast<size_t>(kImage.size());
    model.predict(std::span(batch.images).first(bytes), some);
    for (size_t i = 0; i < some.size(); ++i) EXPECT_NEAR(some[i], all[i], 2e-6) << count;
    for (size_t n = 0; n < count; ++n) {
      const auto row = some.begin() + static_cast<ptrdiff_t>(n * kClasses);
      EXPECT_NEAR(std::accumulate(row, row + kClasses, 0.0F), 1.0F, 1e-5F);
    }
  }
}

TEST(Model, NamesTheSizesAtWhichItPredicts) {
  const auto sizes = [](int max_batch) {
    return test::make_model("dense classes", kImage, kClasses, max_batch).prediction_sizes();
  };
  EXPECT_EQ(sizes(1), (std::vector<int>{1}));
  EXPECT_EQ(sizes(10), (std::vector<int>{1, 2, 3, 4, 6, 8, 10}));
  EXPECT_EQ(sizes(16), (std::vector<int>{1, 2, 3, 4, 6, 8, 12, 16}));
}

TEST(Model, PredictionsLeaveTrainingAlone) {
  const test::Batch batch = test::random_batch(kImage, kClasses, 16);
  const auto run = [&](bool predicts) {
    Model model = test::make_model(kCnn, kImage, kClasses, 16);
    model.initialise(4);
    std::vector<float> probabilities(16 * kClasses);
    for (int i = 0; i < 3; ++i) {
      model.forward_backward(batch.images, batch.labels, 0.1F);
      if (predicts) model.predict(batch.images, probabilities);
    }
    std::vector<float> state(model.gradients().begin(), model.gradients().end());
    state.insert(state.end(), model.statistics().begin(), model.statistics().end());
    return state;
  };
  EXPECT_TRUE(same_bits(run(true), run(false)));
}

TEST(Model, CopiedBuffersPredictTheSame) {
  Model trained = test::make_model(kCnn, kImage, kClasses, 8);
  trained.initialise(4);
  const test::Batch batch = test::random_batch(kImage, kClasses, 8);
  trained.forward_backward(batch.images, batch.labels, 0.0F);
  Model served = test::make_model(kCnn, kImage, kClasses, 8);
  std::vector<float> expected(8 * kClasses);
  std::vector<float> actual(8 * kClasses);
  served.predict(batch.images, actual);  // with other weights first
  std::ranges::copy(trained.parameters(), served.parameters().begin());
  std::ranges::copy(trained.statistics(), served.statistics().begin());
  trained.predict(batch.images, expected);
  served.predict(batch.images, actual);
  EXPECT_TRUE(same_bits(actual, expected));
}

TEST(Model, DropoutDependsOnSeedAndStepOnly) {
  Model model = test::make_model("dropout 0.5; dense classes", kImage, kClasses, 4);
  model.initialise(1);
  const test::Batch batch = test::random_batch(kImage, kClasses, 4);
  const auto loss = [&] { return model.forward_backward(batch.images, batch.labels, 0).loss_sum; };
  model.set_dropout_stream(5, 10);
  const double at_10 = loss();
  const double at_11 = loss();
  model.set_dropout_stream(5, 11);
  EXPECT_EQ(loss(), at_11);
  model.set_dropout_stream(5, 10);
  EXPECT_EQ(loss(), at_10);
  EXPECT_NE(at_10, at_11);
  model.set_dropout_stream(6, 10);
  EXPECT_NE(loss(), at_10);
}

// What is announced does not change any more, from the end to the beginning, alike for any batch.
TEST(Model, AnnouncesGradientsAsTheyBecomeFinal) {
  const std::string residual =
      "conv 16 3; bn; relu; res 16 1; res 32 2; gap; dense 8; relu; dense classes";
  for (const std::string& architecture : {std::string(kCnn), residual}) {
    Model model = test::make_model(architecture, kImage, kClasses, 4);
    model.initialise(1);
    const test::Batch batch = test::random_batch(kImage, kClasses, 4);
    std::vector<size_t> announced;
    std::vector<float> seen(model.gradients().size());
    const auto note = [&](size_t first) {
      const size_t end = announced.empty() ? seen.size() : announced.back();
      ASSERT_LE(first, end);
      std::ranges::copy(model.gradients().subspan(first, end - first),
                        seen.begin() + static_cast<std::ptrdiff_t>(first));
      announced.push_back(first);
    };
    std::ranges::fill(model.gradients(), 1e9F);  // not of this step
    model.forward_backward(batch.images, batch.labels, 0.1F, note);
    EXPECT_GT(announced.size(), 2U);
    EXPECT_EQ(announced.back(), 0U);
    EXPECT_TRUE(std::ranges::equal(seen, model.gradients())) << architecture;
    const std::vector<size_t> starts = layer_starts(model.buffers());
    for (const size_t first : announced) EXPECT_EQ(std::ranges::count(starts, first), 1) << first;

    std::vector<size_t> again;
    model.forward_backward(std::span(batch.images).first(batch.images.size() / 2),
                           std::span(batch.labels).first(2), 0.1F,
                           [&](size_t first) { again.push_back(first); });
    EXPECT_EQ(again, announced);
    again.clear();
    model.forward_backward({}, {}, 0.1F, [&](size_t first) { again.push_back(first); });
    EXPECT_EQ(again, std::vector<size_t>{0}) << "zeros are all there at once";
  }
}

TEST(Model, AnEmptyBatchHasZeroGradients) {
  Model model = test::make_model(kCnn, kImage, kClasses, 4);
  model.initialise(1);
  const test::Batch batch = test::random_batch(kImage, kClasses, 4);
  model.forward_backward(batch.images, batch.labels, 0.0F);
  EXPECT_EQ(model.forward_backward({}, {}, 0.0F).loss_sum, 0.0);
  for (const float g : model.gradients()) ASSERT_EQ(g, 0.0F);
  model.predict({}, {});
}

TEST(Model, LossOfZeroWeightsIsLogClasses) {
  Model model = test::make_model("dense classes", kImage, kClasses, 4);
  std::ranges::fill(model.parameters(), 0.0F);
  const test::Batch batch = test::random_batch(kImage, kClasses, 4);
  for (const float smoothing : {0.0F, 0.2F}) {
    const double loss = model.forward_backward(batch.images, batch.labels, smoothing).loss_sum;
    EXPECT_NEAR(loss, 4 * std::log(kClasses), 1e-6);
  }
}

TEST(Model, HugeLogitsStayFinite) {
  Model model = test::make_model("dense classes", kImage, kClasses, 4);
  std::ranges::fill(model.parameters(), 0.0F);
  model.parameters().last(kClasses)[1] = 3e4F;
  const test::Batch batch = test::random_batch(kImage, kClasses, 4);
  EXPECT_TRUE(std::isfinite(model.forward_backward(batch.images, batch.labels, 0.1F).loss_sum));
  for (const float g : model.gradients()) ASSERT_TRUE(std::isfinite(g));
}

TEST(Model, KeepsItsAddressesWhenMoved) {
  Model model = test::make_model(kCnn, kImage, kClasses, 4);
  const float* address = model.parameters().data();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(address) % kAlignmentBytes, 0U);
  Model moved = std::move(model);
  EXPECT_EQ(moved.parameters().data(), address);
  std::vector<float> probabilities(kClasses);
  moved.predict(test::random_batch(kImage, kClasses, 1).images, probabilities);
}

TEST(Model, MisuseIsNamed) {
  Model model = test::make_model(kCnn, kImage, kClasses, 4);
  test::Batch batch = test::random_batch(kImage, kClasses, 5);
  EXPECT_THROW(model.forward_backward(batch.images, batch.labels, 0), Error);
  batch = test::random_batch(kImage, kClasses, 4);
  EXPECT_THROW(model.forward_backward(std::span(batch.images).first(10), batch.labels, 0), Error);
  std::vector<float> odd(7);
  EXPECT_THROW(model.predict(batch.images, odd), Error);
  batch.labels[2] = 5;
  try {
    model.forward_backward(batch.images, batch.labels, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    EXPECT_STREQ(error.what(),
                 "label 5 of a model with 5 classes (image 2 of a batch); check the labels of the "
                 "data set");
  }
}

TEST(Model, ColourAndManyShapesRun) {
  for (const ImageShape image : {ImageShape{3, 32, 32}, ImageShape{1, 5, 9}, ImageShape{4, 1, 1}}) {
    for (const char* text : {"conv 5 3; bn; relu; res 7 1; gap; dense classes",
                             "conv 3 1; relu; conv 17 2; pool 1; dense 3; relu; dense classes"}) {
      Model model = test::make_model(text, image, 3, 6);
      model.initialise(1);
      const test::Batch batch = test::random_batch(image, 3, 6);
      EXPECT_TRUE(std::isfinite(model.forward_backward(batch.images, batch.labels, 0).loss_sum));
    }
  }
}

}  // namespace
}  // namespace podium::nn
