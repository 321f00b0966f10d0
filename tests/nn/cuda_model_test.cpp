// Whole models on the GPU against the CPU: predictions, losses, gradients, statistics, and what the
// optimizer makes of them; and the same bits in every run.
#include "nn/gpu_fixture.hpp"
#include "nn/model_fixture.hpp"
#include "nn/sgd.hpp"

namespace podium::nn {
namespace {

struct Network {
  const char* architecture;
  ImageShape image;
  int classes;
  int images;
};

void PrintTo(const Network& network, std::ostream* out) {
  *out << network.architecture;
}

void fill(Model& model, uint64_t seed) {
  model.initialise(seed);
  Random random(seed);
  for (float& value : model.parameters()) {
    value += 0.1F * (static_cast<float>(random.uniform()) - 0.5F);
  }
  for (float& value : model.statistics()) value = 0.5F + static_cast<float>(random.uniform());
}

Model made(const Network& network, std::unique_ptr<Ops> ops, bool mirror = false) {
  ModelCard card = test::card_of(network.architecture, network.image, network.classes);
  card.mirror = mirror;
  Model model(std::move(card), std::move(ops), network.images);
  fill(model, 3);
  return model;
}

std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

std::vector<float> predictions(Model& model, const test::Batch& batch, size_t images) {
  const auto bytes = static_cast<size_t>(model.card().image.size());
  std::vector<float> probabilities(images * static_cast<size_t>(model.card().classes));
  model.predict(std::span(batch.images).first(images * bytes), probabilities);
  return probabilities;
}

class CudaModel : public testing::TestWithParam<Network> {
 protected:
  void SetUp() override { PODIUM_NEEDS_GPU(); }

  const Network& network() const { return GetParam(); }
  test::Batch batch() const {
    return test::random_batch(network().image, network().classes, network().images);
  }
};

TEST_P(CudaModel, PredictsAsTheCpuDoes) {
  for (const bool mirror : {false, true}) {
    Model cpu = made(network(), make_cpu_ops(1, {.rounding = Rounding::exact}), mirror);
    Model gpu = made(network(), test::gpu_ops(), mirror);
    for (size_t images = 1; images <= static_cast<size_t>(network().images); images += 2) {
      const std::vector<float> expected = predictions(cpu, batch(), images);
      const std::vector<float> first = predictions(gpu, batch(), images);
      test::expect_near(first, expected, 1e-4, "probabilities");
      // Captured, and launched again.
      EXPECT_EQ(predictions(gpu, batch(), images), first);
      EXPECT_EQ(predictions(gpu, batch(), images), first);
    }
  }
}

TEST_P(CudaModel, TrainsAsTheCpuDoes) {
  Model cpu = made(network(), make_cpu_ops(1, {.rounding = Rounding::exact}));
  Model gpu = made(network(), test::gpu_ops());
  Sgd cpu_sgd(cpu, {0.9F, 0.01F, 4.0F});
  Sgd gpu_sgd(gpu, {0.9F, 0.01F, 4.0F});
  const test::Batch images = batch();
  for (int step = 0; step < 4; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    // Both go on from the same weights: what differs is this step.
    std::ranges::copy(copy(cpu.parameters()), gpu.parameters().begin());
    std::ranges::copy(copy(cpu.statistics()), gpu.statistics().begin());
    const auto expected = cpu.forward_backward(images.images, images.labels, 0.1F);
    const auto actual = gpu.forward_backward(images.images, images.labels, 0.1F);
    EXPECT_NEAR(actual.loss_sum, expected.loss_sum, 1e-4 * expected.loss_sum);
    test::expect_near(gpu.gradients(), cpu.gradients(), 2e-3, "gradients");
    test::expect_near(gpu.statistics(), cpu.statistics(), 1e-4, "statistics");
    cpu_sgd.step(cpu.parameters(), cpu.gradients(), 0.02F);
    gpu_sgd.step(gpu.parameters(), gpu.gradients(), 0.02F);
    test::expect_near(gpu.parameters(), cpu.parameters(), 1e-3, "parameters");
  }
}

std::vector<float> trained(const Network& network, const test::Batch& batch, Numerics numerics) {
  Model model = made(network, test::gpu_ops(numerics));
  Sgd sgd(model, {0.9F, 0.01F, 4.0F});
  for (int step = 0; step < 6; ++step) {
    model.forward_backward(batch.images, batch.labels, 0.1F);
    sgd.step(model.parameters(), model.gradients(), 0.02F);
  }
  return copy(model.parameters());
}

TEST_P(CudaModel, EqualSeedsGiveEqualBits) {
  for (const Numerics numerics :
       {Numerics{Rounding::exact, Precision::fp32}, Numerics{Rounding::fast, Precision::fp32},
        Numerics{Rounding::fast, Precision::bf16},
        Numerics{Rounding::fast, Precision::bf16, true}}) {
    EXPECT_EQ(trained(network(), batch(), numerics), trained(network(), batch(), numerics));
  }
}

TEST_P(CudaModel, FewerDigitsStayNear) {
  Model exact = made(network(), test::gpu_ops());
  const test::Batch images = batch();
  const double loss = exact.forward_backward(images.images, images.labels, 0.1F).loss_sum;
  for (const Numerics numerics :
       {Numerics{Rounding::fast, Precision::fp32}, Numerics{Rounding::fast, Precision::bf16},
        Numerics{Rounding::fast, Precision::fp32, true},
        Numerics{Rounding::fast, Precision::bf16, true}}) {
    Model rough = made(network(), test::gpu_ops(numerics));
    const double other = rough.forward_backward(images.images, images.labels, 0.1F).loss_sum;
    EXPECT_NEAR(other, loss, 0.05 * loss);
    // A mean over all weights: single ones may be rounding errors as a whole.
    double product = 0;
    double square = 0;
    double other_square = 0;
    const auto a = exact.gradients();
    const auto b = rough.gradients();
    for (size_t i = 0; i < a.size(); ++i) {
      product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
      square += static_cast<double>(a[i]) * static_cast<double>(a[i]);
      other_square += static_cast<double>(b[i]) * static_cast<double>(b[i]);
    }
    test::expect_near(rough.statistics(), exact.statistics(), 0.02, "statistics");
    EXPECT_GT(product / std::sqrt(square * other_square), 0.97) << "cosine of the gradients";
  }
}

TEST_P(CudaModel, SmallerBatchesRunBesideTheFullOne) {
  Model cpu = made(network(), make_cpu_ops(1, {.rounding = Rounding::exact}));
  Model gpu = made(network(), test::gpu_ops());
  const auto bytes = static_cast<size_t>(network().image.size());
  for (const size_t images : {static_cast<size_t>(network().images), size_t{2}, size_t{1},
                              static_cast<size_t>(network().images)}) {
    const test::Batch all = batch();
    const auto part = std::span(all.images).first(images * bytes);
    const auto labels = std::span(all.labels).first(images);
    const double expected = cpu.forward_backward(part, labels, 0.0F).loss_sum;
    EXPECT_NEAR(gpu.forward_backward(part, labels, 0.0F).loss_sum, expected, 1e-3 * expected);
    test::expect_near(gpu.gradients(), cpu.gradients(), 5e-3, "gradients");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Networks, CudaModel,
    testing::Values(
        Network{"dense classes", {1, 4, 5}, 3, 7},
        Network{
            "dense 64; relu; dropout 0.2; dense 32; bn; relu; dense classes", {1, 28, 28}, 10, 16},
        Network{"conv 32 3; bn; relu; pool 2; conv 16 3; bn; relu; pool 2; dense classes",
                {1, 14, 15},
                10,
                9},
        Network{"conv 16 3; bn; relu; res 16 1; res 32 2; gap; dense classes", {3, 9, 9}, 5, 6},
        Network{"conv 8 3; bn; relu; keep 1; conv 8 3; bn; relu; keep 2; conv 8 3; bn; add 1; "
                "conv 16 3 stride 2; bn; add 2; gap; dense classes",
                {3, 9, 9},
                5,
                6},
        Network{"conv 5 4 stride 2; relu; res 5 1 { bn; relu; conv 5 3; relu }; avgpool 2; "
                "res 4 1 { conv 4 1 }; gap; dense classes",
                {2, 8, 8},
                3,
                5},
        Network{"conv 8 2; relu; pool 3 stride 2; dropout 0.5; conv 6 5; bn; avgpool 2; dense 20; "
                "relu; dense classes",
                {3, 12, 11},
                7,
                8}));

}  // namespace
}  // namespace podium::nn
