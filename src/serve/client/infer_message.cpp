#include "serve/client/infer_message.hpp"

#include <simdjson.h>

#include <cstring>
#include <stdexcept>

namespace podium::serve {
namespace {

namespace dom = simdjson::dom;

// The values of one output, from its JSON or from what is left of the binary tensors.
template <typename Value>
std::vector<Value> values_of(const dom::element& output, std::string_view* binary) {
  std::vector<Value> values;
  uint64_t size = 0;
  if (output["parameters"]["binary_data_size"].get(size) == simdjson::SUCCESS) {
    if (size > binary->size() || size % sizeof(Value) != 0) {
      throw std::runtime_error("a binary output of the wrong size");
    }
    values.resize(size / sizeof(Value));
    if (size > 0) std::memcpy(values.data(), binary->data(), size);
    binary->remove_prefix(size);
    return values;
  }
  const dom::array data = output["data"];
  for (const dom::element value : data) {
    if constexpr (std::is_floating_point_v<Value>) {
      values.push_back(static_cast<Value>(double(value)));
    } else {
      values.push_back(Value(value));
    }
  }
  return values;
}

}  // namespace

InferBody infer_request_body(const InferRequest& request) {
  const auto text = [](auto number) { return std::to_string(number); };
  InferBody body;
  body.bytes.reserve(256 + request.images.size());
  body.bytes = R"({"parameters":{"binary_data_output":true},"inputs":[{"name":"image",)"
               R"("datatype":"UINT8","shape":[)" +
               text(request.n) + "," + text(request.height) + "," + text(request.width) + "," +
               text(request.channels) + R"(],"parameters":{"binary_data_size":)" +
               text(request.images.size()) + "}}]}";
  body.json_bytes = body.bytes.size();
  body.bytes.append(reinterpret_cast<const char*>(request.images.data()), request.images.size());
  return body;
}

InferReply parse_infer_reply(std::string_view body, size_t json_bytes) {
  if (json_bytes > body.size()) throw std::runtime_error("it is shorter than its header says");
  dom::parser parser;
  const dom::element root = parser.parse(body.data(), json_bytes);
  std::string_view binary = body.substr(json_bytes);
  const dom::element parameters = root["parameters"];
  InferReply reply;
  reply.model_version = std::string(std::string_view(root["model_version"]));
  reply.server_replica = std::string(std::string_view(parameters["server_replica"]));
  reply.processing_time_ms = parameters["processing_time_ms"];
  const dom::array outputs = root["outputs"];
  for (const dom::element output : outputs) {
    const std::string_view name = output["name"];
    if (name == "probabilities") reply.probabilities = values_of<float>(output, &binary);
    if (name == "class") reply.classes = values_of<int64_t>(output, &binary);
  }
  return reply;
}

}  // namespace podium::serve
