#include "serve/protocol/metadata.hpp"

#include <charconv>
#include <climits>
#include <nlohmann/json.hpp>

#include "serve/protocol/request_error.hpp"
#include "serve/protocol/request_parser.hpp"

namespace podium::serve {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A tensor as metadata and configuration know it; `shape` is without the batch.
Json tensor(const char* name, const char* datatype, const Json& shape) {
  Json batched = Json::array({-1});
  for (const Json& size : shape) batched.push_back(size);
  return {{"name", name}, {"datatype", datatype}, {"shape", batched}};
}

Json configured(const char* name, const char* datatype, const Json& dims) {
  return {{"name", name}, {"data_type", std::string("TYPE_") + datatype}, {"dims", dims}};
}

Json image_shape(const ModelInfo& info) {
  return Json::array({info.height, info.width, info.channels});
}

Json object_or_empty(std::string_view body) {
  if (body.empty()) return Json::object();
  Json request = Json::parse(body, nullptr, false);
  if (!request.is_object()) throw RequestError(400, "the body must be a JSON object, or empty");
  return request;
}

Json parameters_of(std::string_view body) {
  Json parameters = object_or_empty(body).value("parameters", Json::object());
  if (!parameters.is_object()) throw RequestError(400, "'parameters' must be an object");
  return parameters;
}

int version_of(const Json& value) {
  int version = 0;
  if (value.is_number_unsigned() && value.get<uint64_t>() <= INT_MAX) version = value.get<int>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (error != std::errc() || end != text.data() + text.size()) version = 0;
  }
  if (version < 1) throw RequestError(400, "'version' must be a whole number, 1 or more");
  return version;
}

}  // namespace

std::string server_metadata_body() {
  return dump(Json{{"name", "podium"},
                   {"version", PODIUM_VERSION},
                   {"extensions",
                    {"binary_tensor_data", "classification", "model_configuration",
                     "model_repository", "statistics"}}});
}

std::string model_metadata_body(const ModelInfo& info) {
  return dump(Json{{"name", info.model},
                   {"versions", Json::array({std::to_string(info.version)})},
                   {"platform", "podium"},
                   {"inputs", Json::array({tensor("image", "UINT8", image_shape(info))})},
                   {"outputs",
                    {tensor("probabilities", "FP32", Json::array({info.classes})),
                     tensor("class", "INT64", Json::array())}},
                   {"parameters", {{"variant", info.variant}, {"class_names", info.class_names}}}});
}

std::string model_config_body(const ModelInfo& info) {
  return dump(Json{{"name", info.model},
                   {"platform", "podium"},
                   {"backend", "podium"},
                   {"version_policy", {{"specific", {{"versions", Json::array({info.version})}}}}},
                   {"max_batch_size", max_images_per_request},
                   {"input", Json::array({configured("image", "UINT8", image_shape(info))})},
                   {"output",
                    {configured("probabilities", "FP32", Json::array({info.classes})),
                     configured("class", "INT64", Json::array())}},
                   {"dynamic_batching", {{"preferred_batch_size", Json::array({info.max_batch})}}},
                   {"parameters", {{"variant", {{"string_value", info.variant}}}}}});
}

std::string repository_index_body(std::span<const IndexEntry> entries) {
  Json index = Json::array();
  for (const IndexEntry& entry : entries) {
    Json line = {{"name", entry.name}};
    if (entry.version != 0) line["version"] = std::to_string(entry.version);
    line["state"] = entry.ready ? "READY" : "UNAVAILABLE";
    line["reason"] = entry.reason;
    index.push_back(line);
  }
  return dump(index);
}

bool wants_ready_only(std::string_view body) {
  const Json request = object_or_empty(body);
  const auto ready = request.find("ready");
  if (ready == request.end()) return false;
  if (!ready->is_boolean()) throw RequestError(400, "'ready' must be true or false");
  return ready->get<bool>();
}

int version_to_load(std::string_view body) {
  const Json parameters = parameters_of(body);
  int version = 0;
  for (const auto& [key, value] : parameters.items()) {
    if (key != "version") {
      throw RequestError(400,
                         "'" + key.substr(0, 100) +
                             "' is no parameter of a load; there is version, of those published");
    }
    version = version_of(value);
  }
  return version;
}

void check_unload(std::string_view body) {
  const Json parameters = parameters_of(body);
  const auto dependents = parameters.find("unload_dependents");
  if (dependents != parameters.end() && !dependents->is_boolean()) {
    throw RequestError(400, "'unload_dependents' must be true or false");
  }
}

}  // namespace podium::serve
