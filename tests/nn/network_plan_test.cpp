// Shapes, buffers and costs of planned networks, and networks that do not fit their image.
#include "nn/network_plan.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium::nn {
namespace {

NetworkPlan plan(const std::string& text, ImageShape image = {1, 28, 28}) {
  return plan_network(parse_architecture(text), image, 10);
}

TEST(NetworkPlan, CountsParametersAndFlops) {
  const NetworkPlan dense = plan("dense 256; relu; dense 128; relu; dense classes");
  EXPECT_EQ(dense.parameter_count, 784U * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(dense.flops, 2 * (784 * 256 + 256 * 128 + 128 * 10));

  const NetworkPlan cnn = plan("conv 8 5 stride 2; bn; relu; pool 2; dense classes");
  EXPECT_EQ(cnn.parameter_count, 8U * 25 + 2 * 8 + 8 * 49 * 10 + 10);
  EXPECT_EQ(cnn.flops, 2 * (8 * 25 * 14 * 14 + 8 * 49 * 10));
  EXPECT_EQ(cnn.statistic_count, 2U * 8);
}

TEST(NetworkPlan, BuffersTileTheFlatArraysInOrder) {
  const NetworkPlan network = plan("conv 8 3; bn; relu; res 16 2; gap; dense classes");
  size_t parameters = 0;
  size_t statistics = 0;
  for (const BufferInfo& buffer : network.buffers) {
    size_t& end = buffer.statistic ? statistics : parameters;
    EXPECT_EQ(buffer.offset, end) << buffer.name;
    end += buffer.count;
    int64_t count = 1;
    for (const int64_t extent : buffer.shape) count *= extent;
    EXPECT_EQ(static_cast<size_t>(count), buffer.count) << buffer.name;
    EXPECT_EQ(buffer.decay, buffer.name.ends_with(".weight")) << buffer.name;
  }
  EXPECT_EQ(parameters, network.parameter_count);
  EXPECT_EQ(statistics, network.statistic_count);
}

TEST(NetworkPlan, NamesFollowTheText) {
  const NetworkPlan network = plan("conv 4 3; bn; relu; res 8 2; dense classes");
  std::vector<std::string> names;
  for (const BufferInfo& buffer : network.buffers) names.push_back(buffer.name);
  const std::vector<std::string> expected = {"0.conv.weight",
                                             "1.bn.scale",
                                             "1.bn.shift",
                                             "3.res.0.conv.weight",
                                             "3.res.1.bn.scale",
                                             "3.res.1.bn.shift",
                                             "3.res.3.conv.weight",
                                             "3.res.4.bn.scale",
                                             "3.res.4.bn.shift",
                                             "3.res.shortcut.conv.weight",
                                             "3.res.shortcut.bn.scale",
                                             "3.res.shortcut.bn.shift",
                                             "4.dense.weight",
                                             "4.dense.bias",
                                             "1.bn.mean",
                                             "1.bn.variance",
                                             "3.res.1.bn.mean",
                                             "3.res.1.bn.variance",
                                             "3.res.4.bn.mean",
                                             "3.res.4.bn.variance",
                                             "3.res.shortcut.bn.mean",
                                             "3.res.shortcut.bn.variance"};
  EXPECT_EQ(names, expected);
}

TEST(NetworkPlan, OddSidesRoundUpInConvolutionsAndDownInPools) {
  const NetworkPlan network = plan("conv 4 3 stride 2; pool 2; dense classes", {1, 7, 9});
  EXPECT_EQ(network.layers[0].output, (ImageShape{4, 4, 5}));
  EXPECT_EQ(network.layers[1].output, (ImageShape{4, 2, 2}));
}

TEST(NetworkPlan, SummaryHasOneRowPerLayerAndTheTotals) {
  const std::string table = summary_table(plan("conv 8 3; bn; relu; gap; dense classes"));
  EXPECT_NE(table.find("0.conv"), std::string::npos);
  EXPECT_NE(table.find("[8,28,28]"), std::string::npos);
  EXPECT_NE(table.find("1.bn + relu"), std::string::npos);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 6);
}

struct Unfit {
  const char* text;
  const char* message;
};

class UnfitNetwork : public testing::TestWithParam<Unfit> {};

TEST_P(UnfitNetwork, IsRefusedAtItsOffset) {
  try {
    (void)plan(GetParam().text);
    FAIL() << "planned: " << GetParam().text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_STREQ(error.what(), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, UnfitNetwork,
    testing::Values(
        Unfit{"conv 8 3; pool 29; dense classes",
              "window 29 of 'pool' is larger than its 8x28x28 input (architecture text, offset "
              "10); pool less or later"},
        Unfit{"gap; avgpool 2; dense classes",
              "window 2 of 'avgpool' is larger than its 1x1x1 input (architecture text, offset "
              "5); pool less or later"},
        Unfit{"conv 8 3 stride 29; dense classes",
              "stride 29 of 'conv' is larger than its 1x28x28 input (architecture text, offset "
              "0); use a smaller stride"},
        Unfit{"pool 2 stride 30; dense classes",
              "stride 30 of 'pool' is larger than its 1x28x28 input (architecture text, offset "
              "0); use a smaller stride"},
        Unfit{"gap; res 8 2; dense classes",
              "stride 2 of 'res' is larger than its 1x1x1 input (architecture text, offset 5); "
              "use a smaller stride"},
        Unfit{"conv 8 58; dense classes",
              "kernel 58 of 'conv' on 1x28x28 would see mostly padding (architecture text, offset "
              "0); use a kernel of at most 57"},
        Unfit{"bn; res 8 1 { conv 4 3 }; dense classes",
              "the body of 'res' makes 4x28x28 of its input, not 8x28x28 (architecture text, "
              "offset 4); let it end with 8 channels at stride 1"},
        Unfit{"keep 1; pool 4 stride 3; add 1; dense classes",
              "what 'add' adds is 1x28x28, which no stride makes 1x9x9 (architecture text, offset "
              "25); let the layers between keep the size, or divide it by a whole number"},
        Unfit{"repeat 9 { dense 65536 }; dense classes",
              "the network has more than 2^28 parameters (architecture text, offset 11); use "
              "narrower layers"},
        Unfit{"conv 65536 1; repeat 6 { relu; pool 1 }; dense classes",
              "the network has more than 2^28 activations per image (architecture text, offset "
              "31); use fewer channels, or pool earlier"}));

}  // namespace
}  // namespace podium::nn
