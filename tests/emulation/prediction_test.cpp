// That a prediction which was prepared launches a recorded graph and makes nothing, whatever its
// size: what only the emulated GPU can count.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "nn/gpu_fixture.hpp"
#include "nn/model_fixture.hpp"

namespace podium::nn {
namespace {

constexpr int most = 13;  // 1, 2, 3, 4, 6, 8, 12 and itself
constexpr size_t sizes = 8;

std::vector<float> predictions(Model& model, const test::Batch& batch, size_t images) {
  const auto bytes = static_cast<size_t>(model.card().image.size());
  std::vector<float> probabilities(images * static_cast<size_t>(model.card().classes));
  model.predict(std::span(batch.images).first(images * bytes), probabilities);
  return probabilities;
}

void expect_ready(bool mirror) {
  ModelCard card =
      test::card_of("conv 8 3; bn; relu; pool 2; dense 12; relu; dense classes", {1, 8, 8}, 4);
  card.mirror = mirror;
  const test::Batch batch = test::random_batch(card.image, card.classes, most);
  Model unprepared(card, test::gpu_ops(), most);
  unprepared.initialise(5);
  Model model(card, test::gpu_ops(), most);
  model.initialise(5);
  emulated::Counts& counts = emulated::counts();
  const size_t graphs = counts.graphs;
  model.prepare_predictions();
  EXPECT_EQ(counts.graphs - graphs, sizes);
  const size_t allocations = counts.allocations;
  const size_t launches = counts.launches;
  std::vector<std::vector<float>> given;
  for (size_t images = 1; images <= most; ++images) {
    given.push_back(predictions(model, batch, images));
  }
  EXPECT_EQ(counts.graphs - graphs, sizes);
  EXPECT_EQ(counts.allocations, allocations);
  EXPECT_EQ(counts.launches - launches, most * (mirror ? 2U : 1U));
  for (size_t images = 1; images <= most; ++images) {
    EXPECT_EQ(given[images - 1], predictions(unprepared, batch, images));
  }
}

TEST(CudaPreparedPredictions, LaunchAGraphAndMakeNothing) {
  expect_ready(false);
  expect_ready(true);
}

}  // namespace
}  // namespace podium::nn
