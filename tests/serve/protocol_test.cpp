// Paths, request bodies and reply bodies, without sockets.
#include "serve/protocol/protocol.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "serve/protocol/request_error.hpp"
#include "serve/protocol/request_parser.hpp"
#include "serve/protocol/route.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::json;
using Call = Route::Call;
using Tensor = OutputRequest::Tensor;

ModelInfo info_2x3() {
  ModelInfo info;
  info.model = "m";
  info.variant = "cnn";
  info.version = 7;
  info.channels = 1;
  info.height = 2;
  info.width = 3;
  info.classes = 3;
  info.class_names = {"T-shirt/top", "a \"b\"", "c"};
  info.max_batch = 4;
  return info;
}

template <typename Action>
int status_of(Action action) {
  try {
    action();
    return 200;
  } catch (const RequestError& error) {
    return error.status();
  }
}

TEST(Route, FindsEveryCall) {
  EXPECT_EQ(parse_route(Method::get, "/v2").call, Call::server_metadata);
  EXPECT_EQ(parse_route(Method::get, "/v2/").call, Call::server_metadata);
  EXPECT_EQ(parse_route(Method::get, "/v2/health/live").call, Call::live);
  EXPECT_EQ(parse_route(Method::get, "/v2/health/ready?x=1").call, Call::ready);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m").call, Call::model_metadata);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m/ready").call, Call::model_ready);
  EXPECT_EQ(parse_route(Method::post, "/predict").call, Call::predict);
  const Route route = parse_route(Method::post, "/v2/models/m/versions/12/infer");
  EXPECT_EQ(route.call, Call::infer);
  EXPECT_EQ(route.model, "m");
  EXPECT_EQ(route.version, 12);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m/versions/3").version, 3);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/versions").model, "versions");
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m/versions/3/config").call, Call::model_config);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m/config").call, Call::model_config);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m/versions/3/stats").version, 3);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/m/stats").model, "m");
  EXPECT_EQ(parse_route(Method::get, "/v2/models/stats").call, Call::model_stats);
  EXPECT_EQ(parse_route(Method::get, "/v2/models/stats").model, "");
  EXPECT_EQ(parse_route(Method::post, "/v2/repository/index").call, Call::index);
  EXPECT_EQ(parse_route(Method::post, "/v2/repository/models/m/load").call, Call::load);
  EXPECT_EQ(parse_route(Method::post, "/v2/repository/models/m/unload").model, "m");
}

TEST(Route, RefusesOtherPathsAndMethods) {
  for (const char* path : {"",
                           "/",
                           "x",
                           "/v1",
                           "/v2/models",
                           "/v2/models/",
                           "/v2/models//infer",
                           "/v2/models/m/other",
                           "/v2/models/m/versions",
                           "/v2/models/m/versions/",
                           "/v2/models/m/versions/0/infer",
                           "/v2/models/m/versions/-1/infer",
                           "/v2/models/m/versions/01/infer",
                           "/v2/models/m/versions/99999999999/infer",
                           "/v2/models/m/versions/1x",
                           "/v2/health",
                           "/v2/models/../../etc/passwd",
                           "/predict/x",
                           "/v2/repository",
                           "/v2/repository/",
                           "/v2/repository/index/x",
                           "/v2/repository/models",
                           "/v2/repository/models//load",
                           "/v2/repository/models/m",
                           "/v2/models/m/config/x",
                           "/v2/repository/models/m/reload",
                           "/v2/repository/m/load",
                           "/v2/models/m/ready/stats",
                           "/a/b/c/d/e/f/g/h/i/j"}) {
    EXPECT_EQ(status_of([&] { parse_route(Method::post, path); }), 404) << path;
  }
  EXPECT_EQ(status_of([] { parse_route(Method::get, "/predict"); }), 405);
  EXPECT_EQ(status_of([] { parse_route(Method::other, "/v2"); }), 405);
  EXPECT_EQ(status_of([] { parse_route(Method::post, "/v2/models/m"); }), 405);
  EXPECT_EQ(status_of([] { parse_route(Method::post, "/v2/models/m/config"); }), 405);
  EXPECT_EQ(status_of([] { parse_route(Method::get, "/v2/repository/index"); }), 405);
}

std::string infer_request(const std::string& datatype, const std::string& shape,
                          const std::string& data) {
  return R"({"id":"a","inputs":[{"name":"image","datatype":")" + datatype + R"(","shape":)" +
         shape + R"(,"data":)" + data + "}]}";
}

TEST(RequestParser, TakesEveryShapeOfTheSameImages) {
  RequestParser parser(1 << 20);
  const std::vector<uint8_t> images = {0, 1, 2, 3, 4, 255, 6, 7, 8, 9, 10, 11};
  for (const auto& [shape, data] : std::vector<std::pair<std::string, std::string>>{
           {"[2,2,3,1]", "[0,1,2,3,4,255,6,7,8,9,10,11]"},
           {"[2,2,3]", "[[[0,1,2],[3,4,255]],[[6,7,8],[9,10,11]]]"},
           {"[2,6]", "[[0,1,2,3,4,255],[6,7,8,9,10,11]]"},
           {"[2,2,3,1]", "[[[[0],[1],[2]],[[3],[4],[255]]],[[[6],[7],[8]],[[9],[10],[11]]]]"}}) {
    for (const char* datatype : {"UINT8", "FP32"}) {
      const Inference inference = parser.infer(infer_request(datatype, shape, data), info_2x3());
      EXPECT_EQ(inference.images, images) << shape << datatype;
      EXPECT_EQ(inference.n, 2);
      EXPECT_EQ(inference.id, "a");
    }
  }
  const Inference rounded =
      parser.infer(infer_request("FP32", "[1,6]", "[0.4,0.6,2.5e1,255.0,254.6,7]"), info_2x3());
  EXPECT_EQ(rounded.images, (std::vector<uint8_t>{0, 1, 25, 255, 255, 7}));
}

TEST(RequestParser, OutputsAreThoseAskedFor) {
  RequestParser parser(1 << 20);
  const std::string head =
      R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6],"data":[1,2,3,4,5,6]}])";
  const auto parse = [&](const std::string& rest) { return parser.infer(head + rest, info_2x3()); };
  const auto tensors = [&](const std::string& rest) {
    std::vector<Tensor> list;
    for (const OutputRequest& output : parse(rest).outputs) list.push_back(output.tensor);
    return list;
  };
  using Tensors = std::vector<Tensor>;
  EXPECT_EQ(tensors("}"), (Tensors{Tensor::probabilities, Tensor::number}));
  EXPECT_EQ(tensors(R"(,"outputs":[]})"), tensors("}"));
  EXPECT_EQ(tensors(R"(,"outputs":[{"name":"class"}]})"), Tensors{Tensor::number});
  EXPECT_EQ(tensors(R"(,"outputs":[{"name":"class"},{"name":"probabilities"}]})"),
            (Tensors{Tensor::number, Tensor::probabilities}));
  EXPECT_EQ(status_of([&] { parse(R"(,"outputs":[{"name":"logits"}]})"); }), 400);
  EXPECT_EQ(status_of([&] { parse(R"(,"outputs":{}})"); }), 400);
}

std::string infer_with(const std::string& parameters) {
  return R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6],"data":[1,2,3,4,5,6]}],)"
         R"("parameters":)" +
         parameters + "}";
}

TEST(RequestParser, ParametersSayHowUrgentARequestIs) {
  RequestParser parser(1 << 20);
  const auto parse = [&](const std::string& parameters) {
    return parser.infer(infer_with(parameters), info_2x3());
  };
  const Inference usual = parse("{}");
  EXPECT_EQ(usual.priority, 0);
  EXPECT_EQ(usual.timeout_us, 0);
  const Inference urgent = parse(R"({"priority":2,"timeout":1500,"binary_data_output":true})");
  EXPECT_EQ(urgent.priority, 2);
  EXPECT_EQ(urgent.timeout_us, 1500);
  EXPECT_TRUE(urgent.outputs[0].binary);
  EXPECT_EQ(parse(R"({"priority":0,"timeout":0})").timeout_us, 0) << "the defaults, as in Triton";
  EXPECT_EQ(parse(R"({"timeout":18446744073709551615})").timeout_us, 3'600'000'000) << "an hour";
  for (const char* sequence :
       {R"({"sequence_id":7,"sequence_start":true,"sequence_end":false})",
        R"({"sequence_id":"seven","sequence_start":false,"sequence_end":true})",
        R"({"somebody_elses":[1]})"}) {
    EXPECT_EQ(parse(sequence).n, 1) << sequence;
  }
}

TEST(RequestParser, ParametersAtFaultAreNamed) {
  RequestParser parser(1 << 20);
  for (const auto& [key, values] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"priority", {"-1", "256", "1.5", "\"1\"", "null", "true", "[1]"}},
           {"timeout", {"-1", "0.5", "\"100\"", "null", "{}"}},
           {"sequence_id", {"1.5", "null", "true", "[]"}},
           {"sequence_start", {"1", "\"true\"", "null"}},
           {"sequence_end", {"0", "[]"}},
           {"binary_data_output", {"1"}}}) {
    for (const std::string& value : values) {
      try {
        parser.infer(infer_with("{\"" + key + "\":" + value + "}"), info_2x3());
        ADD_FAILURE() << key << " " << value << " was taken";
      } catch (const RequestError& error) {
        EXPECT_EQ(error.status(), 400);
        EXPECT_NE(std::string(error.what()).find("'" + key + "'"), std::string::npos)
            << error.what();
      }
    }
  }
  EXPECT_EQ(status_of([&] { parser.infer(infer_with("[]"), info_2x3()); }), 400);
}

TEST(RequestParser, RefusesEachMistakeWith400) {
  RequestParser parser(1 << 20);
  const std::string six = "[1,2,3,4,5,6]";
  std::vector<std::string> bodies = {
      "",
      "{",
      "[]",
      "nonsense",
      "{} {}",
      "null",
      "\xff\xfe",
      "{\"inputs\":{}}",
      "{\"inputs\":[]}",
      R"({"inputs":[1]})",
      R"({"inputs":[{"name":"image"}]})",
      R"({"inputs":[{"name":"other","datatype":"UINT8","shape":[1,6],"data":[1,2,3,4,5,6]}]})",
      R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6]}]})",
      R"({"id":5,"inputs":[{"name":"image","datatype":"UINT8","shape":[1,6],"data":[1,2,3,4,5,6]}]})",
      infer_request("INT8", "[1,6]", six),
      infer_request("UINT8", "[]", six),
      infer_request("UINT8", "[6]", six),
      infer_request("UINT8", "[1,7]", six),
      infer_request("UINT8", "[2,6]", six),
      infer_request("UINT8", "[0,6]", "[]"),
      infer_request("UINT8", "[-1,6]", six),
      infer_request("UINT8", "[1,-6]", six),
      infer_request("UINT8", "[9223372036854775808,6]", six),
      infer_request("UINT8", "[9223372036854775807,6]", six),
      infer_request("UINT8", "[3074457345618258603,6]", six),
      infer_request("UINT8", "[1.5,6]", six),
      infer_request("UINT8", "[1,3,2]", six),
      infer_request("UINT8", "[1,2,3,1,1]", six),
      infer_request("UINT8", "[\"1\",6]", six),
      infer_request("UINT8", "[4097,6]", six),
      infer_request("UINT8", "\"1,6\"", six),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,6,7]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,256]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,-1]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,18446744073709551615]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,6.5]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,null]"),
      infer_request("UINT8", "[1,6]", "[1,2,3,4,5,\"6\"]"),
      infer_request("UINT8", "[1,6]", "{\"a\":1}"),
      infer_request("FP32", "[1,6]", "[1,2,3,4,5,NaN]"),
      infer_request("FP32", "[1,6]", "[1,2,3,4,5,1e999]"),
      infer_request("FP32", "[1,6]", "[1,2,3,4,5,255.5]"),
      infer_request("FP32", "[1,6]", "[1,2,3,4,5,-0.1]"),
      infer_request("UINT8", "[1,6]", std::string(5000, '[') + std::string(5000, ']')),
      infer_request("UINT8", "[1,6]", std::string(5000, '['))};
  for (const std::string& body : bodies) {
    EXPECT_EQ(status_of([&] { parser.infer(body, info_2x3()); }), 400) << body.substr(0, 200);
  }
  EXPECT_EQ(status_of([&] { parser.infer(infer_request("UINT8", "[1,6]", six), info_2x3()); }), 200)
      << "the parser works on after mistakes";
}

TEST(RequestParser, PredictTakesOneImage) {
  RequestParser parser(1 << 20);
  const auto parse = [&](const std::string& body) { return parser.predict(body, info_2x3()); };
  const Inference inference = parse(R"({"image_id":"shoe \"1\"","image":[[1,2,3],[4,5,6.4]]})");
  EXPECT_EQ(inference.images, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Json::parse(inference.id), "shoe \"1\"");
  EXPECT_EQ(parse(R"({"image_id":12,"image":[1,2,3,4,5,6]})").id, "12");
  EXPECT_EQ(parse(R"({"image":[1,2,3,4,5,6]})").id, "null");
  for (const char* body :
       {"{}", R"({"image":"x"})", R"({"image":[1,2,3]})", R"({"image":[1,2,3,4,5,300]})",
        R"({"image_id":[1],"image":[1,2,3,4,5,6]})", "[1,2,3,4,5,6]"}) {
    EXPECT_EQ(status_of([&] { parse(body); }), 400) << body;
  }
}

TEST(Protocol, InferRepliesFollowV2) {
  Inference inference;
  inference.n = 2;
  inference.id = "r\"1";
  const std::vector<float> probabilities = {0.25f, 0.5f, 0.25f, 0.1f, 0.1f, 0.8f};
  const Json reply =
      Json::parse(infer_body(info_2x3(), inference, probabilities, {"replica-1", 1.23456}).bytes);
  EXPECT_EQ(reply["model_name"], "m");
  EXPECT_EQ(reply["model_version"], "7");
  EXPECT_EQ(reply["id"], "r\"1");
  EXPECT_EQ(reply["parameters"]["server_replica"], "replica-1");
  EXPECT_EQ(reply["parameters"]["processing_time_ms"], 1.235);
  const Json& first = reply["outputs"][0];
  EXPECT_EQ(first["name"], "probabilities");
  EXPECT_EQ(first["datatype"], "FP32");
  EXPECT_EQ(first["shape"], Json({2, 3}));
  EXPECT_EQ(first["data"].get<std::vector<float>>(), probabilities) << "floats survive exactly";
  const Json second = {{"name", "class"}, {"datatype", "INT64"}, {"shape", {2}}, {"data", {1, 2}}};
  EXPECT_EQ(reply["outputs"][1], second);
  inference.outputs.erase(inference.outputs.begin());
  inference.id.clear();
  const Json fewer = Json::parse(infer_body(info_2x3(), inference, probabilities, {"r", 1}).bytes);
  EXPECT_EQ(fewer["outputs"], Json::array({second}));
  EXPECT_FALSE(fewer.contains("id"));
}

TEST(Protocol, PredictRepliesNameTheClass) {
  Inference inference;
  inference.n = 1;
  inference.id = "\"x\"";
  const Json reply = Json::parse(
      predict_body(info_2x3(), inference, std::vector<float>{0.25f, 0.625f, 0.125f}, {"r", 2}));
  EXPECT_EQ(reply, (Json{{"image_id", "x"},
                         {"predicted_class", "a \"b\""},
                         {"class_index", 1},
                         {"confidence", 0.625},
                         {"processing_time_ms", 2},
                         {"server_replica", "r"},
                         {"model_version", "7"}}));
}

TEST(Protocol, ProbabilitiesThatAreNotFiniteAreAnError) {
  Inference inference;
  inference.n = 1;
  const std::vector<float> broken = {0.5f, std::numeric_limits<float>::quiet_NaN(), 0.5f};
  EXPECT_EQ(status_of([&] { infer_body(info_2x3(), inference, broken, {"r", 1}); }), 500);
  EXPECT_EQ(status_of([&] { predict_body(info_2x3(), inference, broken, {"r", 1}); }), 500);
}

TEST(Protocol, ErrorsAreJson) {
  EXPECT_TRUE(Json::parse(error_body("bad \"byte\" \xff")).contains("error"));
}

}  // namespace
}  // namespace podium::serve
