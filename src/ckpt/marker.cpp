#include "ckpt/marker.hpp"

#include <nlohmann/json.hpp>
#include <span>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ckpt {
namespace {

using Json = nlohmann::ordered_json;

constexpr int newest_format = 1;
constexpr const char* remedy = "use an earlier checkpoint, or train the model again";

std::string hash_of(const std::string& text) {
  return to_hex(xxh3(std::as_bytes(std::span(text))));
}

Json parts_of(const Marker& marker) {
  Json parts = Json::array();
  for (const MarkedPart& part : marker.parts) {
    parts.push_back({{"file", part.file}, {"bytes", part.bytes}, {"xxh3", part.xxh3}});
  }
  return parts;
}

Marker marker_from(const Json& json) {
  Marker marker;
  marker.step = json.at("step");
  marker.epochs = json.at("epochs");
  marker.epoch_end = json.at("epoch_end");
  marker.val_accuracy = json.at("val_accuracy");
  marker.ranks = json.at("ranks");
  for (const Json& part : json.at("parts")) {
    marker.parts.push_back({part.at("file"), part.at("bytes"), part.at("xxh3")});
  }
  return marker;
}

}  // namespace

std::string to_text(const Marker& marker) {
  Json json = {{"format", newest_format},
               {"step", marker.step},
               {"epochs", marker.epochs},
               {"epoch_end", marker.epoch_end},
               {"val_accuracy", marker.val_accuracy},
               {"ranks", marker.ranks},
               {"parts", parts_of(marker)}};
  const std::string hash = hash_of(json.dump());
  json["xxh3"] = hash;
  return json.dump() + "\n";
}

Marker parse_marker(const std::string& text, const std::filesystem::path& path) {
  try {
    Json json = Json::parse(text);
    const int format = json.at("format");
    if (format < 1 || format > newest_format) {
      throw data_error("a checkpoint of format " + std::to_string(format) +
                           "; this program reads up to " + std::to_string(newest_format),
                       path.string(), "use a newer Podium");
    }
    const std::string hash = json.at("xxh3");
    json.erase("xxh3");
    if (hash != hash_of(json.dump()) || text != to_text(marker_from(json))) {
      throw data_error("the marker does not match its checksum", path.string(), remedy);
    }
    return marker_from(json);
  } catch (const Json::exception& error) {
    throw data_error(std::string("not a checkpoint's marker: ") + error.what(), path.string(),
                     remedy);
  }
}

}  // namespace podium::ckpt
