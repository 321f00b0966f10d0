// Model cards survive JSON, and damaged ones are refused by key.
#include "nn/model_card.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::nn {
namespace {

using Json = nlohmann::ordered_json;

ModelCard sample() {
  return {"cnn",          "conv 8 3; dense classes",
          {3, 8, 9},      2,
          {"cat", "dog"}, {{0.1F, 0.2F, 0.3F}, {0.4F, 0.5F, 0.6F}}};
}

std::string refusal(const Json& document) {
  try {
    (void)model_card_from_json(document, "m.h5");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::bad_data);
    return error.what();
  }
  return "accepted";
}

TEST(ModelCard, SurvivesJsonText) {
  const std::string text = to_json(sample()).dump();
  EXPECT_EQ(model_card_from_json(Json::parse(text), "m.h5"), sample());
}

TEST(ModelCard, KeepsWhetherToMirror) {
  ModelCard card = sample();
  card.mirror = true;
  Json document = to_json(card);
  EXPECT_EQ(model_card_from_json(document, "m.h5"), card);
  document.erase("tta");  // of a version before there was one
  EXPECT_EQ(model_card_from_json(document, "m.h5"), sample());
  document["tta"] = "crop";
  EXPECT_NE(refusal(document).find("'tta' is 'crop'"), std::string::npos);
}

TEST(ModelCard, MissingKeysAreNamed) {
  for (const char* key :
       {"name", "architecture", "image", "classes", "class_names", "preprocess"}) {
    Json document = to_json(sample());
    document.erase(key);
    EXPECT_EQ(refusal(document), "model card: key '" + std::string(key) +
                                     "' is missing (m.h5); make the model again with 'podium "
                                     "train'");
  }
  EXPECT_NE(refusal(Json::array()).find("'name' is missing"), std::string::npos);
}

TEST(ModelCard, UnfitValuesAreNamed) {
  const auto refused_for = [](const char* pointer, const Json& value) {
    Json document = to_json(sample());
    document[Json::json_pointer(pointer)] = value;
    return refusal(document);
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(refused_for("/name", 3), "'name' has the wrong type"));
  EXPECT_TRUE(has(refused_for("/classes", 2.5), "'classes' is no whole number"));
  EXPECT_TRUE(has(refused_for("/classes", 1), "1 classes"));
  EXPECT_TRUE(has(refused_for("/classes", int64_t{1} << 40), "'classes' is out of range"));
  EXPECT_TRUE(has(refused_for("/class_names", {"one"}), "1 class names for 2 classes"));
  EXPECT_TRUE(has(refused_for("/image/height", -1), "'height' is out of range"));
  EXPECT_TRUE(has(refused_for("/image/width", 0), "image of 3 x 8 x 0"));
  EXPECT_TRUE(has(refused_for("/preprocess/mean", {0.1}), "'preprocess'"));
  EXPECT_TRUE(has(refused_for("/preprocess/stddev", {0.1, 0.0, 0.1}), "channel 1"));
}

}  // namespace
}  // namespace podium::nn
