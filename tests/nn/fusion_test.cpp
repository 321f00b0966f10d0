// Whatever a backend fuses and however it lays out activations: networks at random, residuals
// within residuals and values kept across each other included, predict what they predict layer by
// layer, and have the same gradients.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nn/model_fixture.hpp"

namespace podium::nn {
namespace {

constexpr int kClasses = 5;
constexpr int kImages = 6;

// The CPU backend, which fuses nothing here.
class PlainOps final : public Ops {
 public:
  std::string description() const override { return ops_->description(); }
  Fusions fusions() const override { return {}; }
  size_t inference_floats() const override { return ops_->inference_floats(); }
  AlignedBuffer allocate(size_t count) override { return ops_->allocate(count); }
  bool on_host() const override { return ops_->on_host(); }
  AlignedBuffer allocate_activations(size_t count) override {
    return ops_->allocate_activations(count);
  }
  std::unique_ptr<Kernel> make_kernel(const LayerPlan& layer, int batch, Pass pass,
                                      const LayerMemory& memory) override {
    return ops_->make_kernel(layer, batch, pass, memory);
  }
  void begin_step(const StepKey& key) override { ops_->begin_step(key); }
  void end_backward() override { ops_->end_backward(); }
  void load_images(std::span<const uint8_t> images, const Preprocess& preprocess,
                   const InputPlace& place) override {
    ops_->load_images(images, preprocess, place);
  }
  void cross_entropy(std::span<const float> logits, std::span<const uint8_t> labels,
                     float label_smoothing, float* gradient) override {
    ops_->cross_entropy(logits, labels, label_smoothing, gradient);
  }
  LossResult loss() override { return ops_->loss(); }
  void copy(std::span<const float> from, float* to) override { ops_->copy(from, to); }
  void softmax(std::span<float> logits, std::span<const float> others, int classes,
               std::span<float> probabilities, std::span<float> scores) override {
    ops_->softmax(logits, others, classes, probabilities, scores);
  }
  void sgd(std::span<const SgdRange> ranges, const SgdOptions& options, float learning_rate,
           const SgdMemory& memory) override {
    ops_->sgd(ranges, options, learning_rate, memory);
  }
  void approach(const float* weights, float* average, size_t count, float share) override {
    ops_->approach(weights, average, count, share);
  }
  std::unique_ptr<Program> record(std::function<void()> work) override {
    return ops_->record(std::move(work));
  }
  void synchronise() override { ops_->synchronise(); }

 private:
  std::unique_ptr<Ops> ops_ = make_cpu_ops(1, {.rounding = Rounding::exact});
};

// Architecture texts at random, whose channels are multiples of 16 more often than not.
class Author {
 public:
  explicit Author(uint64_t seed, bool keeps = false) : random_(seed), keeps_(keeps) {}

  ImageShape image() {
    return {pick({1, 3, 16, 32, 4}), 8 + static_cast<int>(random_.below(3)), 8};
  }

  std::string text(ImageShape image) {
    channels_ = image.channels;
    std::string text;
    for (uint64_t left = 2 + random_.below(4); left > 0; --left) {
      text += item(0);
      if (keeps_) text += marks();
    }
    return text + (random_.below(2) == 0 ? "gap; " : "pool 2; ") + "dense classes";
  }

 private:
  int pick(std::initializer_list<int> values) {
    return *(values.begin() + random_.below(values.size()));
  }

  std::string conv(int channels) {
    channels_ = channels;
    return "conv " + std::to_string(channels) + (random_.below(3) == 0 ? " 1; " : " 3; ");
  }

  // One layer, or a few; within a residual of `depth` > 0 they keep the shape.
  std::string item(int depth) {
    const int channels = depth > 0 ? channels_ : pick({16, 16, 32, 8});
    switch (random_.below(depth < 3 ? 6 : 4)) {
      case 0:
        return "bn; ";
      case 1:
        return "relu; ";
      case 2:
        return conv(channels) + "bn; relu; ";
      case 3:
        return conv(channels);
      case 4:
        if (depth == 0 && random_.below(2) == 0) {
          const std::string text = "res " + std::to_string(channels) + " 1; ";
          channels_ = channels;
          return text;
        }
        [[fallthrough]];
      default:
        return residual(depth);
    }
  }

  // Adds some of what is kept, and keeps the sum.
  std::string marks() {
    std::string text;
    for (int mark = 1; mark <= kept_; ++mark) {
      if (random_.below(2) == 0) text += "add " + std::to_string(mark) + "; ";
    }
    if (random_.below(4) > 0) text += "keep " + std::to_string(++kept_) + "; ";
    return text;
  }

  std::string residual(int depth) {
    std::string body;
    for (uint64_t left = 1 + random_.below(3); left > 0; --left) body += item(depth + 1);
    return "res " + std::to_string(channels_) + " 1 { " + body + "}; ";
  }

  Random random_;
  bool keeps_;
  int channels_ = 0;
  int kept_ = 0;
};

void fill(Model& model, uint64_t seed) {
  model.initialise(seed);
  Random random(seed);
  for (float& value : model.parameters()) {
    value += 0.1F * (static_cast<float>(random.uniform()) - 0.5F);
  }
  for (float& value : model.statistics()) value = 0.5F + static_cast<float>(random.uniform());
}

void expect_near(std::span<const float> actual, std::span<const float> expected, double share) {
  float largest = 0;
  float difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    const float each = std::abs(actual[i] - expected[i]);
    difference = each <= difference ? difference : each;  // takes a NaN up
  }
  EXPECT_LE(difference, share * largest);
}

void expect_no_change(uint64_t seed, bool keeps) {
  Author author(seed, keeps);
  const ImageShape image = author.image();
  const std::string text = author.text(image);
  SCOPED_TRACE(std::to_string(image.channels) + " channels: " + text);
  const ModelCard card = test::card_of(text, image, kClasses);
  Model fused(card, make_cpu_ops(1, {.rounding = Rounding::exact}), kImages);
  Model plain(card, std::make_unique<PlainOps>(), kImages);
  fill(fused, seed);
  fill(plain, seed);
  const test::Batch batch = test::random_batch(image, kClasses, kImages, seed);

  std::vector<float> actual(size_t{kImages} * kClasses);
  std::vector<float> expected(actual.size());
  fused.predict(batch.images, actual);
  plain.predict(batch.images, expected);
  expect_near(actual, expected, 1e-4);

  const double loss = fused.forward_backward(batch.images, batch.labels, 0.1F).loss_sum;
  EXPECT_NEAR(plain.forward_backward(batch.images, batch.labels, 0.1F).loss_sum, loss, 1e-4 * loss);
  expect_near(fused.statistics(), plain.statistics(), 1e-4);
  // A ReLU's kink may fall on either side of a rounding error; a wrong formula is far beyond.
  expect_near(fused.gradients(), plain.gradients(), 0.02);
}

class FusionTest : public testing::TestWithParam<uint64_t> {};

TEST_P(FusionTest, ChangesNoResult) {
  expect_no_change(GetParam(), false);
}

TEST_P(FusionTest, ChangesNoResultWhereValuesAreKept) {
  expect_no_change(GetParam(), true);
}

INSTANTIATE_TEST_SUITE_P(Networks, FusionTest, testing::Range<uint64_t>(1, 61));

}  // namespace
}  // namespace podium::nn
