// What the server tells about itself and its model, without sockets.
#include "serve/protocol/metadata.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::json;

ModelInfo info_2x3() {
  ModelInfo info;
  info.model = "m";
  info.variant = "cnn";
  info.version = 7;
  info.channels = 1;
  info.height = 2;
  info.width = 3;
  info.classes = 3;
  info.max_batch = 4;
  return info;
}

TEST(Metadata, OfTheServer) {
  const Json server = Json::parse(server_metadata_body());
  EXPECT_EQ(server["name"], "podium");
  EXPECT_TRUE(server["version"].is_string());
  EXPECT_TRUE(server["extensions"].is_array());
  EXPECT_TRUE(std::ranges::count(server["extensions"], Json("model_repository")));
}

TEST(Metadata, AndConfigurationAgree) {
  const Json model = Json::parse(model_metadata_body(info_2x3()));
  const Json config = Json::parse(model_config_body(info_2x3()));
  EXPECT_EQ(model["versions"], Json::array({"7"}));
  EXPECT_EQ(model["inputs"][0]["shape"], Json({-1, 2, 3, 1}));
  EXPECT_EQ(model["outputs"][1]["shape"], Json::array({-1}));
  EXPECT_EQ(config["name"], model["name"]);
  EXPECT_EQ(config["max_batch_size"], 4096);
  for (const auto& [of_model, of_config] :
       {std::pair("inputs", "input"), std::pair("outputs", "output")}) {
    ASSERT_EQ(model[of_model].size(), config[of_config].size());
    for (size_t i = 0; i < model[of_model].size(); ++i) {
      const Json& tensor = model[of_model][i];
      const Json& configured = config[of_config][i];
      EXPECT_EQ(configured["name"], tensor["name"]);
      EXPECT_EQ(configured["data_type"], "TYPE_" + tensor["datatype"].get<std::string>());
      Json without_batch = tensor["shape"];
      without_batch.erase(0);
      EXPECT_EQ(configured["dims"], without_batch);
    }
  }
}

TEST(Metadata, TheRepositoryIsListed) {
  const std::vector<IndexEntry> entries = {{"a", 3, true, ""}, {"b", 0, false, "none yet"}};
  EXPECT_EQ(Json::parse(repository_index_body(entries)),
            Json::parse(R"([{"name":"a","version":"3","state":"READY","reason":""},
                            {"name":"b","state":"UNAVAILABLE","reason":"none yet"}])"));
  EXPECT_FALSE(wants_ready_only(""));
  EXPECT_FALSE(wants_ready_only("{}"));
  EXPECT_FALSE(wants_ready_only(R"({"ready":false})"));
  EXPECT_TRUE(wants_ready_only(R"({"ready":true})"));
  for (const char* body : {"[]", "{", "null", R"({"ready":"yes"})", "\xff"}) {
    EXPECT_THROW(wants_ready_only(body), RequestError) << body;
  }
}

TEST(Metadata, LoadsNameAVersionOrNone) {
  EXPECT_EQ(version_to_load(""), 0);
  EXPECT_EQ(version_to_load("{}"), 0);
  EXPECT_EQ(version_to_load(R"({"parameters":{}})"), 0);
  EXPECT_EQ(version_to_load(R"({"parameters":{"version":3}})"), 3);
  EXPECT_EQ(version_to_load(R"({"parameters":{"version":"12"}})"), 12);
  for (const char* body :
       {"[]", "{", "\xff", R"({"parameters":1})", R"({"parameters":{"version":0}})",
        R"({"parameters":{"version":-1}})", R"({"parameters":{"version":1.5}})",
        R"({"parameters":{"version":"1x"}})", R"({"parameters":{"version":""}})",
        R"({"parameters":{"version":99999999999}})", R"({"parameters":{"version":null}})",
        R"({"parameters":{"config":"{}"}})", R"({"parameters":{"file:1/model.onnx":"AA=="}})"}) {
    EXPECT_THROW(version_to_load(body), RequestError) << body;
  }
}

TEST(Metadata, UnloadsTakeOneFlag) {
  for (const char* body : {"", "{}", R"({"parameters":{"unload_dependents":false}})"}) {
    EXPECT_NO_THROW(check_unload(body)) << body;
  }
  for (const char* body :
       {"[]", "{", R"({"parameters":[]})", R"({"parameters":{"unload_dependents":1}})"}) {
    EXPECT_THROW(check_unload(body), RequestError) << body;
  }
}

}  // namespace
}  // namespace podium::serve
