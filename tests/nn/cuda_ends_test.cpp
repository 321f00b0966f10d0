// The two ends of a network, the optimizer and what is recorded, on the GPU against the CPU.
#include <cstring>

#include "nn/cpu/cpu_ops.hpp"
#include "nn/cuda/limits.hpp"
#include "nn/gpu_fixture.hpp"

namespace podium::nn {
namespace {

class CudaEnds : public test::OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (IsSkipped()) return;
    gpu_ = test::gpu_ops();
  }

  std::unique_ptr<Ops> cpu_ = make_cpu_ops(1);
  std::unique_ptr<Ops> gpu_;
};

std::vector<uint8_t> random_bytes(size_t count, uint64_t below) {
  Random random(5);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(below));
  return bytes;
}

AlignedBuffer filled(Ops& ops, const std::vector<float>& values) {
  AlignedBuffer buffer = ops.allocate(values.size());
  std::ranges::copy(values, buffer.data());
  return buffer;
}

std::vector<float> loaded(Ops& ops, ImageShape shape, size_t images, int rows, bool mirrored) {
  Preprocess preprocess;
  for (int c = 0; c < shape.channels; ++c) {
    preprocess.mean.push_back(0.3F + 0.1F * static_cast<float>(c));
    preprocess.stddev.push_back(0.2F + 0.05F * static_cast<float>(c));
  }
  const auto size = static_cast<size_t>(shape.size());
  AlignedBuffer inputs = filled(ops, std::vector<float>(size * static_cast<size_t>(rows), NAN));
  ops.load_images(random_bytes(images * size, 256), preprocess,
                  {inputs.data(), shape, rows, Pass::inference, mirrored});
  ops.synchronise();
  return {inputs.span().begin(), inputs.span().end()};
}

TEST_F(CudaEnds, ImagesAreLoadedAsOnTheCpu) {
  for (const ImageShape shape : {ImageShape{1, 28, 28}, ImageShape{3, 5, 7}}) {
    for (const bool mirrored : {false, true}) {
      for (const int rows : {4, 6}) {
        test::expect_near(loaded(*gpu_, shape, 4, rows, mirrored),
                          loaded(*cpu_, shape, 4, rows, mirrored), 1e-6, "inputs");
      }
    }
  }
}

struct Loss {
  LossResult result;
  std::vector<float> gradient;
};

Loss loss_of(Ops& ops, size_t images, size_t classes, float smoothing) {
  std::vector<float> values = test::random_values(images * classes, 6);
  for (float& value : values) value *= 4;
  const AlignedBuffer logits = filled(ops, values);
  AlignedBuffer gradient = filled(ops, std::vector<float>(values.size(), NAN));
  ops.cross_entropy(logits.span(), random_bytes(images, classes), smoothing, gradient.data());
  const LossResult result = ops.loss();
  return {result, {gradient.span().begin(), gradient.span().end()}};
}

TEST_F(CudaEnds, CrossEntropy) {
  for (const size_t images : {1U, 7U, 300U, 1000U}) {
    for (const size_t classes : {2U, 10U, 100U, 256U}) {
      const Loss expected = loss_of(*cpu_, images, classes, 0.1F);
      const Loss actual = loss_of(*gpu_, images, classes, 0.1F);
      EXPECT_NEAR(actual.result.loss_sum, expected.result.loss_sum,
                  1e-6 * expected.result.loss_sum);
      EXPECT_EQ(actual.result.correct, expected.result.correct);
      test::expect_near(actual.gradient, expected.gradient, 1e-5, "gradient");
      EXPECT_EQ(loss_of(*gpu_, images, classes, 0.1F).gradient, actual.gradient);
    }
  }
}

struct Predicted {
  std::vector<float> probabilities;
  std::vector<float> scores;
};

Predicted predicted(Ops& ops, size_t images, size_t classes, bool mean) {
  AlignedBuffer logits = filled(ops, test::random_values(images * classes, 7));
  const AlignedBuffer others = filled(ops, test::random_values(images * classes, 8));
  Predicted result{std::vector<float>(images * classes), std::vector<float>(images * classes)};
  ops.softmax(logits.span(), mean ? others.span() : std::span<const float>(),
              static_cast<int>(classes), result.probabilities, result.scores);
  return result;
}

TEST_F(CudaEnds, Softmax) {
  for (const size_t classes : {2U, 10U, 33U, 256U}) {
    for (const bool mean : {false, true}) {
      const Predicted expected = predicted(*cpu_, 9, classes, mean);
      const Predicted actual = predicted(*gpu_, 9, classes, mean);
      test::expect_near(actual.probabilities, expected.probabilities, 1e-6, "probabilities");
      EXPECT_EQ(actual.scores, expected.scores);
    }
  }
}

// Ranges with a gap between them, as little as one parameter long.
TEST_F(CudaEnds, TheOptimizerStepsAsOnTheCpu) {
  constexpr size_t count = 1000;
  const std::vector<SgdRange> ranges = {
      {0, 1, true, 1.0F}, {1, 400, false, 1.0F}, {400, 401, false, 64.0F}, {416, 1000, true, 1.0F}};
  const SgdOptions options{0.9F, 0.01F, 64.0F};
  const auto stepped = [&](Ops& ops) {
    AlignedBuffer p = filled(ops, test::random_values(count, 1));
    AlignedBuffer g = filled(ops, test::random_values(count, 2));
    AlignedBuffer v = filled(ops, test::random_values(count, 3));
    for (const float rate : {0.1F, 0.05F, 0.0F}) {
      ops.sgd(ranges, options, rate, {p.data(), g.data(), v.data()});
    }
    ops.approach(p.data(), g.data(), count, 0.3F);
    ops.synchronise();
    std::vector<float> all(p.span().begin(), p.span().end());
    all.insert(all.end(), v.span().begin(), v.span().end());
    all.insert(all.end(), g.span().begin(), g.span().end());
    return all;
  };
  const std::vector<float> actual = stepped(*gpu_);
  test::expect_near(actual, stepped(*cpu_), 1e-6, "weights");
  EXPECT_EQ(stepped(*gpu_), actual);
}

TEST_F(CudaEnds, WhatIsRecordedDoesTheSameToWhateverTheMemoryHolds) {
  AlignedBuffer from = gpu_->allocate(100);
  AlignedBuffer to = gpu_->allocate(100);
  LayerPlan layer;
  layer.op = LayerOp::relu;
  layer.name = "relu";
  layer.input = layer.output = {25, 2, 2};
  LayerMemory memory;
  memory.input = from.data();
  memory.output = to.data();
  const auto kernel = gpu_->make_kernel(layer, 1, Pass::inference, memory);
  const auto program = gpu_->record([&] { kernel->forward({}); });
  for (const float value : {1.0F, 2.0F, 3.0F, -4.0F}) {  // as it is, captured, launched again
    std::ranges::fill(from.span(), value);
    program->run();
    gpu_->synchronise();
    for (const float result : to.span()) ASSERT_EQ(result, std::max(value, 0.0F));
  }
}

// What is measured is asserted nowhere: only that it can be.
TEST_F(CudaEnds, LimitsCanBeMeasured) {
  const int gpu = probe_accelerators().devices.front().ordinal;
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const DeviceLimits limits = cuda::measure_limits(gpu, {Rounding::fast, precision}, 48, 4096);
    EXPECT_GT(limits.flops, 0);
    EXPECT_GT(limits.bytes_per_s, 0);
  }
}

}  // namespace
}  // namespace podium::nn
