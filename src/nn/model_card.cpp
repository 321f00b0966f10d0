#include "nn/model_card.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace podium::nn {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxSide = 16384;
constexpr int kMaxChannels = 1024;
constexpr int kMaxClasses = 256;  // labels are uint8

[[nodiscard]] Error unfit(const std::string& what, const std::string& where) {
  return data_error("model card: " + what, where, "make the model again with 'podium train'");
}

// The value of `key`, as T. Throws data_error naming the key.
template <typename T>
T get(const Json& object, const char* key, const std::string& where) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) {
    throw unfit(std::string("key '") + key + "' is missing", where);
  }
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    throw unfit(std::string("key '") + key + "' has the wrong type", where);
  }
}

int whole(const Json& object, const char* key, const std::string& where) {
  const Json value = get<Json>(object, key, where);
  if (!value.is_number_integer()) {
    throw unfit(std::string("key '") + key + "' is no whole number", where);
  }
  const auto number = value.get<int64_t>();
  if (number < 0 || number > 1 << 20) {
    throw unfit(std::string("key '") + key + "' is out of range", where);
  }
  return static_cast<int>(number);
}

void validate_preprocess(const ModelCard& card, const std::string& where) {
  const auto channels = static_cast<size_t>(card.image.channels);
  if (card.preprocess.mean.size() != channels || card.preprocess.stddev.size() != channels) {
    throw unfit("'preprocess' needs one mean and one stddev for each of the " +
                    std::to_string(channels) + " channels",
                where);
  }
  for (size_t c = 0; c < channels; ++c) {
    const float stddev = card.preprocess.stddev[c];
    if (!std::isfinite(card.preprocess.mean[c]) || !std::isfinite(stddev) || !(stddev > 0)) {
      throw unfit("'preprocess' of channel " + std::to_string(c) + " is not usable", where);
    }
  }
}

}  // namespace

nlohmann::ordered_json to_json(const ModelCard& card) {
  Json document;
  document["name"] = card.name;
  document["architecture"] = card.architecture;
  document["image"] = {{"channels", card.image.channels},
                       {"height", card.image.height},
                       {"width", card.image.width}};
  document["classes"] = card.classes;
  document["class_names"] = card.class_names;
  document["preprocess"] = {{"mean", card.preprocess.mean}, {"stddev", card.preprocess.stddev}};
  document["tta"] = card.mirror ? "flip" : "none";
  return document;
}

ModelCard model_card_from_json(const nlohmann::ordered_json& document, const std::string& where) {
  ModelCard card;
  card.name = get<std::string>(document, "name", where);
  card.architecture = get<std::string>(document, "architecture", where);
  const Json image = get<Json>(document, "image", where);
  card.image = {whole(image, "channels", where), whole(image, "height", where),
                whole(image, "width", where)};
  card.classes = whole(document, "classes", where);
  card.class_names = get<std::vector<std::string>>(document, "class_names", where);
  const Json preprocess = get<Json>(document, "preprocess", where);
  card.preprocess.mean = get<std::vector<float>>(preprocess, "mean", where);
  card.preprocess.stddev = get<std::vector<float>>(preprocess, "stddev", where);
  if (document.contains("tta")) {
    const auto tta = get<std::string>(document, "tta", where);
    if (tta != "none" && tta != "flip") throw unfit("'tta' is '" + tta + "', unknown here", where);
    card.mirror = tta == "flip";
  }
  validate(card, where);
  return card;
}

void validate(const ModelCard& card, const std::string& where) {
  const ImageShape& image = card.image;
  if (image.channels < 1 || image.channels > kMaxChannels || image.height < 1 ||
      image.height > kMaxSide || image.width < 1 || image.width > kMaxSide) {
    throw unfit("image of " + std::to_string(image.channels) + " x " +
                    std::to_string(image.height) + " x " + std::to_string(image.width),
                where);
  }
  if (card.classes < 2 || card.classes > kMaxClasses) {
    throw unfit(std::to_string(card.classes) + " classes; supported are 2 to 256", where);
  }
  if (!card.class_names.empty() && card.class_names.size() != static_cast<size_t>(card.classes)) {
    throw unfit(std::to_string(card.class_names.size()) + " class names for " +
                    std::to_string(card.classes) + " classes",
                where);
  }
  validate_preprocess(card, where);
}

}  // namespace podium::nn
