// What lowering makes of networks: which layers become one, in which order, and how their
// activations lie. That the results are right is seen by the tests against PyTorch.
#include "nn/lowering.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "nn/cpu/cpu_ops.hpp"
#include "nn/model_fixture.hpp"
#include "nn/ops.hpp"

namespace podium::nn {
namespace {

const Fusions kAll = {.norm_pool = true,
                      .norm_sum = true,
                      .folded_norm = true,
                      .sum = true,
                      .channel_block = 16,
                      .image_channels = {1, 3}};

NetworkPlan plan(const std::string& text, ImageShape image = {1, 28, 28}) {
  return plan_network(parse_architecture(text), image, 10);
}

std::vector<std::string> names(const NetworkPlan& network) {
  std::vector<std::string> list;
  for (const LayerPlan& layer : network.layers) list.push_back(layer.name);
  return list;
}

using Names = std::vector<std::string>;

TEST(Lowering, ABackendThatFusesNothingRunsTheLayersAsWritten) {
  const NetworkPlan network = plan("conv 16 3; bn; relu; pool 2; res 16 1; gap; dense classes");
  for (const Pass pass : {Pass::training, Pass::inference}) {
    EXPECT_EQ(names(lower(network, pass, {})), names(network));
  }
}

TEST(Lowering, TrainingTakesPoolsAndSumsIntoBatchNorms) {
  const NetworkPlan network = plan("conv 16 3; bn; relu; pool 2; res 32 2; gap; dense classes");
  const NetworkPlan lowered = lower(network, Pass::training, kAll);
  // The body's last norm waits for the shortcut.
  EXPECT_EQ(names(lowered),
            (Names{"0.conv", "1.bn", "4.res.fork", "4.res.0.conv", "4.res.1.bn", "4.res.3.conv",
                   "4.res.shortcut.conv", "4.res.shortcut.bn", "4.res.4.bn", "5.gap", "6.dense"}));
  EXPECT_EQ(lowered.layers[1].pool, 2);
  EXPECT_EQ(lowered.layers[1].output, (ImageShape{16, 14, 14}));
  const LayerPlan& last = lowered.layers[8];
  EXPECT_TRUE(last.adds_side() && last.relu);
  EXPECT_EQ(last.side, lowered.layers[7].result);
}

TEST(Lowering, ConvolutionsSumForTheBatchNormsThatReadThem) {
  const NetworkPlan network = plan(
      "conv 16 3; bn; relu; pool 2; conv 8 3; relu; bn; res 16 1; gap; dense 9; bn; dense classes");
  Fusions fusions = kAll;
  EXPECT_TRUE(
      std::ranges::none_of(lower(network, Pass::training, fusions).layers, &LayerPlan::moments));
  fusions.norm_moments = true;
  EXPECT_TRUE(
      std::ranges::none_of(lower(network, Pass::inference, fusions).layers, &LayerPlan::moments));
  Names summing;
  for (const LayerPlan& layer : lower(network, Pass::training, fusions).layers) {
    if (layer.moments) summing.push_back(layer.name);
  }
  EXPECT_EQ(summing, (Names{"0.conv", "1.bn", "7.res.0.conv", "7.res.1.bn", "7.res.3.conv",
                            "7.res.shortcut.conv", "7.res.shortcut.bn", "7.res.4.bn"}));
}

TEST(Lowering, OverlappingPoolsAndActivatedBodiesStayAlone) {
  const std::string text =
      "conv 16 3; bn; relu; pool 3 stride 2; res 16 1 { conv 16 3; bn; relu }; gap; dense classes";
  const Names lowered = names(lower(plan(text), Pass::training, kAll));
  EXPECT_EQ(lowered, names(plan(text)));
}

TEST(Lowering, InferenceFoldsNormsAndAddsInPlace) {
  const NetworkPlan network =
      plan("conv 16 3; bn; relu; res 32 2; gap; dense 8; bn; dense classes");
  const NetworkPlan lowered = lower(network, Pass::inference, kAll);
  EXPECT_EQ(names(lowered), (Names{"0.conv", "3.res.fork", "3.res.0.conv", "3.res.shortcut.conv",
                                   "3.res.3.conv", "4.gap", "5.dense", "7.dense"}));
  const LayerPlan& last = lowered.layers[4];
  EXPECT_TRUE(last.norm && last.relu && last.adds_side());
  const auto storage = [&](int id) { return lowered.values[static_cast<size_t>(id)].storage; };
  EXPECT_EQ(storage(last.result), storage(last.side));
  EXPECT_TRUE(lowered.layers[6].norm);
}

TEST(Lowering, NothingIsAddedOntoWhatTheConvolutionReads) {
  const NetworkPlan network = plan("conv 16 3; relu; res 16 1 { conv 16 3 }; gap; dense classes");
  EXPECT_EQ(names(lower(network, Pass::inference, kAll)), names(network));
}

// The outer shortcut is the same memory as the inner one, and read later.
TEST(Lowering, NothingIsAddedOntoWhatALaterSumReads) {
  const NetworkPlan network = plan(
      "conv 16 3; relu; res 16 1 { res 16 1 { conv 16 3; relu; conv 16 3 }; conv 16 3 }; "
      "gap; dense classes");
  const NetworkPlan lowered = lower(network, Pass::inference, kAll);
  EXPECT_EQ(names(lowered),
            (Names{"0.conv", "2.res.fork", "2.res.0.res.fork", "2.res.0.res.0.conv",
                   "2.res.0.res.2.conv", "2.res.0.res.sum", "2.res.1.conv", "3.gap", "4.dense"}));
}

TEST(Lowering, BlocksAreForNetworksOfWholeBlocks) {
  const auto blocks = [](const std::string& text, ImageShape image) {
    const NetworkPlan lowered = lower(plan(text, image), Pass::training, kAll);
    std::vector<int> list;
    for (const LayerPlan& layer : lowered.layers) list.push_back(layer.output_block);
    return list;
  };
  const std::string text = "conv 16 3; relu; conv 32 3; relu; gap; dense classes";
  EXPECT_EQ(blocks(text, {1, 8, 8}), (std::vector<int>{16, 16, 16, 0}));
  EXPECT_EQ(blocks(text, {3, 8, 8}), (std::vector<int>{16, 16, 16, 0}));
  EXPECT_EQ(blocks(text, {4, 8, 8}), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(blocks("conv 16 3; relu; conv 24 3; relu; gap; dense classes", {1, 8, 8}),
            (std::vector<int>{0, 0, 0, 0}));
  // The batch norm hands on the image's own layout.
  EXPECT_EQ(blocks("bn; conv 16 3; relu; dense classes", {32, 8, 8}), (std::vector<int>{0, 0, 0}));
}

// Predictions follow parameters that changed after the last one.
TEST(Lowering, FoldedNormsFollowTheParameters) {
  Model model = test::make_model("conv 16 3; bn; relu; gap; dense classes", {1, 8, 8}, 10, 4, 1);
  model.initialise(1);
  const test::Batch batch = test::random_batch({1, 8, 8}, 10, 4);
  std::vector<float> first(40);
  std::vector<float> second(40);
  model.predict(batch.images, first);
  for (float& value : model.parameters()) value *= 0.5F;
  model.predict(batch.images, second);
  EXPECT_NE(first, second);
  first = second;
  for (float& value : model.statistics()) value += 0.5F;
  model.predict(batch.images, second);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace podium::nn
