// What is exported: the wire format by the examples of its specification, an ONNX graph by running
// it, and safetensors by reading it back.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/protobuf.hpp"
#include "nn/export/onnx_model.hpp"
#include "nn/export/safetensors.hpp"
#include "nn/model_fixture.hpp"
#include "nn/onnx_interpreter.hpp"

namespace podium::nn::test {
namespace {

std::string hex(const ProtobufMessage& message) {
  std::string text;
  for (const char c : message.bytes().joined()) {
    const char* digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += {digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

// The examples of protobuf.dev/programming-guides/encoding.
TEST(ProtobufMessage, WritesTheExamplesOfTheSpecification) {
  ProtobufMessage integer;
  integer.add_integer(1, 150);
  EXPECT_EQ(hex(integer), "089601");
  ProtobufMessage text;
  text.add_text(2, "testing");
  EXPECT_EQ(hex(text), "120774657374696e67");
  ProtobufMessage nested;
  nested.add_message(3, integer);
  EXPECT_EQ(hex(nested), "1a03089601");
  ProtobufMessage negative;
  negative.add_integer(1, -2);
  EXPECT_EQ(hex(negative), "08feffffffffffffffff01");
}

TEST(ProtobufMessage, WritesEdgesOfItsTypes) {
  ProtobufMessage message;
  message.add_integer(15, 0);
  message.add_integer(16, 127);
  message.add_integer(16, 128);
  message.add_float(2, 1.0F);
  message.add_text(1, "");
  EXPECT_EQ(hex(message),
            "7800"
            "80017f"
            "80018001"
            "150000803f"
            "0a00");
  ProtobufMessage largest;
  largest.add_integer(1, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(hex(largest), "08ffffffffffffffff7f");
}

TEST(ProtobufMessage, CarriesViewsThroughNestedMessagesUncopied) {
  const std::vector<float> values = {1.0F, -2.0F};
  ProtobufMessage inner;
  inner.add_integer(1, 5);
  inner.add_view(9, values);
  ProtobufMessage outer;
  outer.add_message(7, std::move(inner));
  outer.add_text(2, "z");
  EXPECT_EQ(hex(outer),
            "3a0c"
            "0805"
            "4a08"
            "0000803f000000c0"
            "12017a");
  const std::vector<std::string_view> pieces = outer.bytes().views();
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1].data(), reinterpret_cast<const char*>(values.data()));
  EXPECT_EQ(outer.bytes().size(), 17U);
}

// A model whose statistics are as if it had been trained.
Model trained_model(const std::string& architecture, ImageShape image, int classes,
                    bool mirror = false) {
  ModelCard card = card_of(architecture, image, classes);
  card.mirror = mirror;
  Model model(std::move(card), make_cpu_ops(1), 16);
  model.initialise(3);
  Random random(5);
  for (float& value : model.parameters()) value += 0.1F * static_cast<float>(random.uniform());
  for (float& value : model.statistics()) value += static_cast<float>(random.uniform());
  return model;
}

std::string onnx_of(const Model& model) {
  const ModelView view(model);
  return to_onnx(view, "1.2.3", properties_of(view.card)).joined();
}

struct Network {
  const char* name;
  const char* architecture;
  ImageShape image;
  bool mirror = false;
};

void PrintTo(const Network& network, std::ostream* out) {
  *out << network.architecture;
}

class ExportedNetwork : public testing::TestWithParam<Network> {};

// 1e-4 is what users are promised; float32 against float64 needs far less.
TEST_P(ExportedNetwork, ComputesTheLogitsOfPodium) {
  const Network& network = GetParam();
  constexpr int classes = 5;
  constexpr int count = 6;
  Model model = trained_model(network.architecture, network.image, classes, network.mirror);
  const Batch batch = random_batch(network.image, classes, count);
  std::vector<float> probabilities(count * classes);
  std::vector<float> expected(probabilities.size());
  model.predict(batch.images, probabilities, expected);

  const OnnxFile file(onnx_of(model));
  OnnxInterpreter interpreter(file);
  const auto& values = interpreter.run(
      batch.images, {count, network.image.height, network.image.width, network.image.channels});
  const OnnxTensor& logits = values.at("logits");
  ASSERT_EQ(logits.shape, (std::vector<int64_t>{count, classes}));
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto wanted = static_cast<double>(expected[i]);
    EXPECT_NEAR(logits.values[i], wanted, 1e-4 * std::max(1.0, std::abs(wanted))) << "logit " << i;
  }
  double sum = 0;
  for (const double probability : values.at("probabilities").values) sum += probability;
  EXPECT_NEAR(sum, count, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(
    Of, ExportedNetwork,
    testing::Values(
        Network{"Dense", "dense 7; relu; dense classes", {1, 6, 5}},
        Network{"DenseOnColour", "dense 7; bn; relu; dense classes", {3, 4, 5}},
        Network{"Cnn", "conv 4 3; bn; relu; pool 2; dense 6; relu; dense classes", {3, 8, 6}},
        Network{"EvenKernelsPadMoreBehind", "conv 4 2; relu; conv 3 4; dense classes", {2, 5, 7}},
        Network{"Strides", "conv 4 3 stride 2; relu; conv 3 2 stride 3; dense classes", {2, 9, 7}},
        Network{"OverlappingPools",
                "pool 3 stride 2; conv 2 1; avgpool 3 stride 1; dense classes",
                {2, 9, 8}},
        Network{"PoolOfEverything", "conv 3 3; pool 4; dense classes", {1, 4, 4}},
        Network{"LeftOverRows", "pool 2; avgpool 2; dense classes", {2, 7, 11}},
        Network{"ResNet", "conv 4 3; bn; relu; res 4 1; res 6 2; gap; dense classes", {3, 9, 7}},
        Network{"Bottleneck",
                "conv 4 3; res 4 1 { conv 2 1; bn; relu; conv 2 3; bn; relu; conv 4 1; bn }; "
                "gap; dense classes",
                {1, 6, 6}},
        Network{"ResidualOnImages",
                "res 2 1 { bn; relu; conv 2 3 }; res 2 1 { relu; relu }; "
                "gap; dense classes",
                {2, 5, 4}},
        Network{"NestedResiduals",
                "res 3 1 { conv 3 3; res 3 1 { conv 3 1; bn }; relu }; "
                "repeat 2 { res 3 1 }; gap; dense classes",
                {2, 5, 5}},
        Network{
            "KeptValues",
            "conv 4 3; bn; relu; keep 1; conv 4 3; bn; relu; keep 2; conv 6 3 stride 2; bn; add 1; "
            "conv 6 3; bn; add 2; gap; dense classes",
            {2, 6, 6}},
        Network{"BatchNormOnImages", "bn; relu; dense classes", {3, 4, 4}},
        Network{"Dropout",
                "dropout 0.5; conv 3 3; dropout 0.2; dense 8; relu; dropout 0.5; "
                "dense classes",
                {1, 5, 5}},
        Network{"ConvolutionBehindDense",
                "dense 6; conv 4 3; bn; relu; avgpool 1; dense classes",
                {1, 4, 4}},
        Network{"ResidualBehindDense",
                "dense 6; res 6 1 { dense 6; bn }; res 6 1 { conv 6 1 }; "
                "res 8 1 { dense 8 }; res 8 1 { dropout 0.5 }; dense classes",
                {1, 4, 4}},
        Network{"Mirrored", "conv 4 3; bn; relu; pool 2; dense classes", {3, 6, 7}, true},
        Network{"MirroredDense", "dense classes", {2, 3, 4}, true},
        Network{"ReluFirst", "relu; relu; dense classes", {2, 3, 3}},
        Network{"OnlyDense", "dense classes", {3, 2, 2}}),
    [](const auto& network) { return network.param.name; });

TEST(ExportedOnnx, SaysWhatItIs) {
  ModelCard card = card_of("conv 4 2; relu; dense classes", {3, 6, 5}, 2);
  card.name = "tiny";
  card.class_names = {"Käse", "\"Brot\""};
  const Model model(card, make_cpu_ops(1), 1);
  const OnnxFile file(onnx_of(model));
  EXPECT_EQ(file.ir_version, 7);
  EXPECT_EQ(file.opset, 13);
  EXPECT_EQ(file.producer, "podium");
  EXPECT_EQ(file.producer_version, "1.2.3");
  EXPECT_EQ(file.graph, "tiny");
  EXPECT_EQ(file.properties.at("name"), "tiny");
  EXPECT_EQ(file.properties.at("architecture"), card.architecture);
  EXPECT_EQ(file.properties.at("image"), "[6,5,3]");
  EXPECT_EQ(nlohmann::json::parse(file.properties.at("class_names")), card.class_names);
  ASSERT_EQ(file.inputs.size(), 1U);
  EXPECT_EQ(file.inputs[0].name, "images");
  EXPECT_EQ(file.inputs[0].type, 2) << "uint8";
  EXPECT_EQ(file.inputs[0].shape, (std::vector<std::string>{"N", "6", "5", "3"}));
  ASSERT_EQ(file.outputs.size(), 2U);
  EXPECT_EQ(file.outputs[0].name, "logits");
  EXPECT_EQ(file.outputs[1].name, "probabilities");
  EXPECT_EQ(file.outputs[1].shape, (std::vector<std::string>{"N", "2"}));
}

TEST(ExportedOnnx, HoldsEveryBufferBitByBit) {
  const Model model =
      trained_model("conv 4 3; bn; relu; res 6 2; gap; dense classes", {3, 6, 6}, 3);
  const ModelView view(model);
  const OnnxFile file(onnx_of(model));
  EXPECT_EQ(file.initializers.size(), view.plan.buffers.size() + 2) << "and two of preprocessing";
  for (const BufferInfo& buffer : view.plan.buffers) {
    const OnnxTensorRead& tensor = file.initializers.at(buffer.name);
    EXPECT_EQ(tensor.shape, buffer.shape) << buffer.name;
    const std::span<const float> values = view.values_of(buffer);
    ASSERT_EQ(tensor.raw.size(), values.size_bytes());
    EXPECT_EQ(std::memcmp(tensor.raw.data(), values.data(), values.size_bytes()), 0);
  }
}

// Weights keep their order, so images are turned over only where the order of values changes.
TEST(ExportedOnnx, TurnsNothingOverWithoutNeed) {
  const auto transposes = [](const std::string& architecture, ImageShape image) {
    const OnnxFile file(onnx_of(trained_model(architecture, image, 3)));
    return std::ranges::count(file.nodes, "Transpose", &OnnxNodeRead::op);
  };
  EXPECT_EQ(transposes("dense 8; relu; dense classes", {3, 4, 4}), 0);
  EXPECT_EQ(transposes("conv 2 3; gap; dense classes", {3, 4, 4}), 1);
  EXPECT_EQ(transposes("conv 2 3; dense 4; dense classes", {3, 4, 4}), 2);
}

TEST(ExportedSafetensors, ReadsBackBitByBit) {
  const Model model = trained_model("conv 4 3; bn; relu; dense classes", {3, 6, 6}, 3);
  const ModelView view(model);
  const std::string file = to_safetensors(view, properties_of(view.card)).joined();

  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  ASSERT_EQ(length % 8, 0U);
  const auto header = nlohmann::json::parse(file.substr(8, length));
  EXPECT_EQ(file[8], '{') << "the format wants no space before the header";
  const std::string_view data = std::string_view(file).substr(8 + length);
  EXPECT_EQ(header.size(), view.plan.buffers.size() + 1);
  for (const auto& value : header.at("__metadata__")) EXPECT_TRUE(value.is_string());
  EXPECT_EQ(header.at("__metadata__").at("architecture"), view.card.architecture);
  uint64_t end = 0;
  for (const BufferInfo& buffer : view.plan.buffers) {
    const auto& entry = header.at(buffer.name);
    EXPECT_EQ(entry.at("dtype"), "F32");
    EXPECT_EQ(entry.at("shape"), buffer.shape);
    EXPECT_EQ(entry.at("data_offsets").at(0), end) << "no gap before " << buffer.name;
    const std::span<const float> values = view.values_of(buffer);
    ASSERT_EQ(entry.at("data_offsets").at(1), end + values.size_bytes());
    EXPECT_EQ(std::memcmp(data.data() + end, values.data(), values.size_bytes()), 0);
    end += values.size_bytes();
  }
  EXPECT_EQ(end, data.size());
}

}  // namespace
}  // namespace podium::nn::test
