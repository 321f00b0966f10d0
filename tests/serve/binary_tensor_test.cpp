// Binary tensors, raw bodies and classification, both ways, without sockets.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "request_text.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"
#include "serve/protocol/request_parser.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::json;
using Tensor = OutputRequest::Tensor;

const std::vector<uint8_t> two_images = {0, 1, 2, 3, 4, 255, 6, 7, 8, 9, 10, 11};

ModelInfo info_2x3() {
  ModelInfo info;
  info.model = "m";
  info.version = 7;
  info.channels = 1;
  info.height = 2;
  info.width = 3;
  info.classes = 3;
  info.class_names = {"a", "b \"x\"", "c"};
  return info;
}

template <typename Value>
std::string bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

struct Body {
  std::string json;
  std::string binary;

  Inference parse() const { return parse(static_cast<int64_t>(json.size())); }
  Inference parse(int64_t json_bytes) const {
    return RequestParser(1 << 20).infer(json + binary, info_2x3(), json_bytes);
  }
  // What is wrong with it; empty when it is taken.
  std::string refusal() const { return refusal(static_cast<int64_t>(json.size())); }
  std::string refusal(int64_t json_bytes) const {
    try {
      parse(json_bytes);
      return "";
    } catch (const RequestError& error) {
      EXPECT_EQ(error.status(), 400);
      return error.what();
    }
  }
};

Body binary_body(const char* datatype, const char* shape, const std::string& binary,
                 const std::string& more = "") {
  return {test::binary_text(datatype, shape, binary.size(), R"(,"id":"i")" + more), binary};
}

TEST(BinaryTensor, IsTheSameAsNumbers) {
  const std::vector<float> floats(two_images.begin(), two_images.end());
  for (const Body& body : {binary_body("UINT8", "2,2,3,1", bytes_of(two_images)),
                           binary_body("UINT8", "2,6", bytes_of(two_images)),
                           binary_body("FP32", "2,2,3", bytes_of(floats))}) {
    const Inference inference = body.parse();
    EXPECT_EQ(inference.images, two_images);
    EXPECT_EQ(inference.n, 2);
    EXPECT_EQ(inference.id, "i");
  }
  const std::vector<float> fractions = {0.4f, 0.5f, 254.5f, 255, 1.49f, 0};
  EXPECT_EQ(binary_body("FP32", "1,6", bytes_of(fractions)).parse().images,
            (std::vector<uint8_t>{0, 1, 255, 255, 1, 0}));
}

TEST(BinaryTensor, AHeaderMayAlsoCoverABodyOfJsonAlone) {
  const Body body{R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6],)"
                  R"("data":[1,2,3,4,5,6]}]})",
                  ""};
  EXPECT_EQ(body.parse().images, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(BinaryTensor, ARawBodyIsTheTensorItself) {
  const Body body{"", bytes_of(two_images)};
  const Inference inference = body.parse(0);
  EXPECT_EQ(inference.images, two_images);
  EXPECT_EQ(inference.n, 2);
  EXPECT_EQ(inference.id, "");
  for (const OutputRequest& output : inference.outputs) EXPECT_TRUE(output.binary);
  EXPECT_NE((Body{"", ""}.refusal(0)), "");
  EXPECT_NE((Body{"", std::string(7, 'x')}.refusal(0)), "");
  EXPECT_NE((Body{"", std::string(size_t{6} * 4097, 'x')}.refusal(0)), "");
}

TEST(BinaryTensor, EachMistakeIsNamed) {
  const std::string six(6, 'x');
  const auto names = [](const Body& body, const std::string& field) {
    const std::string refusal = body.refusal();
    EXPECT_NE(refusal.find(field), std::string::npos) << body.json << ": " << refusal;
  };
  const auto input = [](const std::string& rest) {
    return R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6])" + rest + "}]}";
  };
  names(binary_body("UINT8", "2,6", six), "binary_data_size");
  names(binary_body("FP32", "1,6", six), "binary_data_size");
  names(binary_body("UINT8", "1,7", six), "shape");
  names(binary_body("UINT8", "4611686018427387904,6", six), "shape");
  names({input(R"(,"parameters":{"binary_data_size":5})"), six}, "binary_data_size");
  names({input(R"(,"parameters":{"binary_data_size":6})"), ""}, "binary_data_size");
  names({input(R"(,"parameters":{"binary_data_size":-1})"), six}, "binary_data_size");
  names({input(R"(,"parameters":{"binary_data_size":18446744073709551615})"), six}, "binary_data");
  names({input(R"(,"parameters":{"binary_data_size":"6"})"), six}, "binary_data_size");
  names({input(R"(,"parameters":[])"), six}, "parameters");
  names({input(R"(,"data":[1,2,3,4,5,6])"), six}, "binary_data_size");
  names({input(R"(,"data":[1,2,3,4,5,6],"parameters":{"binary_data_size":6})"), six}, "data");
  names({input(R"(,"parameters":{"shared_memory_region":"r"})"), ""}, "shared_memory_region");
  names({input(""), ""}, "data");
  for (const float value : {-0.1f, 255.5f, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    names(binary_body("FP32", "1,6", bytes_of<float>({0, 1, 2, 3, 4, value})), "image");
  }
  const Body good = binary_body("UINT8", "1,6", six);
  EXPECT_EQ(good.refusal(), "");
  const auto json_bytes = static_cast<int64_t>(good.json.size());
  EXPECT_NE(good.refusal(json_bytes - 1), "");
  EXPECT_NE(good.refusal(json_bytes + 1), "");
  EXPECT_NE(good.refusal(int64_t{1} << 40).find("Inference-Header-Content-Length"),
            std::string::npos);
  EXPECT_NE(good.refusal(RequestFields::absent).find("JSON"), std::string::npos);
}

TEST(OutputRequest, TakesItsParameters) {
  const auto outputs = [](const std::string& more) {
    return binary_body("UINT8", "1,6", std::string(6, 'x'), more).parse().outputs;
  };
  EXPECT_FALSE(outputs("")[0].binary);
  EXPECT_TRUE(outputs(R"(,"parameters":{"binary_data_output":true})")[1].binary);
  const auto mixed =
      outputs(R"(,"parameters":{"binary_data_output":true},"outputs":[)"
              R"({"name":"class"},{"name":"probabilities","parameters":{"binary_data":false}}])");
  EXPECT_TRUE(mixed[0].binary);
  EXPECT_FALSE(mixed[1].binary);
  const auto labels = [&](const std::string& count) {
    return outputs(R"(,"outputs":[{"name":"probabilities","parameters":{"classification":)" +
                   count + "}}]")[0]
        .labels;
  };
  EXPECT_EQ(labels("0"), 0);
  EXPECT_EQ(labels("2"), 2);
  EXPECT_EQ(labels("18446744073709551615"), 3) << "at most as many as there are classes";
  for (const char* wrong :
       {R"(,"parameters":{"binary_data_output":1})", R"(,"parameters":7)",
        R"(,"outputs":[{"name":"class"},{"name":"class"}])", R"(,"outputs":[7])",
        R"(,"outputs":[{"name":"class","parameters":{"binary_data":"yes"}}])",
        R"(,"outputs":[{"name":"class","parameters":{"classification":1}}])",
        R"(,"outputs":[{"name":"probabilities","parameters":{"classification":-1}}])",
        R"(,"outputs":[{"name":"class","parameters":{"shared_memory_region":"r"}}])"}) {
    EXPECT_THROW(outputs(wrong), RequestError) << wrong;
  }
}

const std::vector<float> probabilities = {0.25f, 0.5f, 0.25f, 0.125f, 0.125f, 0.75f};

ReplyBody reply_to(std::vector<OutputRequest> outputs) {
  Inference inference;
  inference.n = 2;
  inference.outputs = std::move(outputs);
  return infer_body(info_2x3(), inference, probabilities, {"r", 1});
}

TEST(BinaryReply, FollowsItsJsonInOrder) {
  const ReplyBody reply = reply_to({{Tensor::number, true, 0}, {Tensor::probabilities, true, 0}});
  ASSERT_GT(reply.json_bytes, 0);
  const std::string json = reply.bytes.substr(0, static_cast<size_t>(reply.json_bytes));
  const Json outputs = Json::parse(json)["outputs"];
  EXPECT_EQ(outputs[0]["name"], "class");
  EXPECT_EQ(outputs[0]["parameters"], (Json{{"binary_data_size", 16}}));
  EXPECT_EQ(outputs[1]["parameters"], (Json{{"binary_data_size", 24}}));
  EXPECT_FALSE(outputs[0].contains("data"));
  EXPECT_EQ(reply.bytes.substr(json.size()), bytes_of<int64_t>({1, 2}) + bytes_of(probabilities));
}

TEST(BinaryReply, JsonAndBinaryMix) {
  const ReplyBody reply = reply_to({{Tensor::number, false, 0}, {Tensor::probabilities, true, 0}});
  const std::string json = reply.bytes.substr(0, static_cast<size_t>(reply.json_bytes));
  const Json outputs = Json::parse(json)["outputs"];
  EXPECT_EQ(outputs[0]["data"], Json({1, 2}));
  EXPECT_FALSE(outputs[0].contains("parameters"));
  EXPECT_EQ(reply.bytes.substr(json.size()), bytes_of(probabilities));
  EXPECT_EQ(reply_to({{Tensor::number, false, 0}}).json_bytes, RequestFields::absent);
}

TEST(Classification, GivesScoreIndexAndLabel) {
  const Json output =
      Json::parse(reply_to({{Tensor::probabilities, false, 2}}).bytes)["outputs"][0];
  EXPECT_EQ(output, (Json{{"name", "probabilities"},
                          {"datatype", "BYTES"},
                          {"shape", {2, 2}},
                          {"data", {"0.5:1:b \"x\"", "0.25:0:a", "0.75:2:c", "0.125:0:a"}}}));
  const ReplyBody binary = reply_to({{Tensor::probabilities, true, 1}});
  const auto size = [](uint32_t n) { return bytes_of<uint32_t>({n}); };
  EXPECT_EQ(binary.bytes.substr(static_cast<size_t>(binary.json_bytes)),
            size(11) + "0.5:1:b \"x\"" + size(8) + "0.75:2:c");
}

}  // namespace
}  // namespace podium::serve
