#include "serve/protocol/request_parser.hpp"

#include <simdjson.h>

#include <string>

#include "serve/protocol/infer_document.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace dom = simdjson::dom;

constexpr size_t max_depth = 16;
constexpr size_t kept_bytes = size_t{4} << 20;  // a parser that grew larger is made anew

RequestError bad(const std::string& message) {
  return {400, message};
}

}  // namespace

struct RequestParser::Json {
  explicit Json(size_t max_bytes) : max_body_bytes(max_bytes) { renew(); }

  void renew() {
    parser = dom::parser(max_body_bytes);
    if (parser.allocate(size_t{64} << 10, max_depth) != simdjson::SUCCESS) throw std::bad_alloc();
  }

  // Valid until the next call.
  dom::object parse(std::string_view body) {
    if (parser.capacity() > kept_bytes) renew();
    dom::element root;
    const simdjson::error_code error = parser.parse(body.data(), body.size()).get(root);
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    if (error != simdjson::SUCCESS) {
      throw bad(std::string("the body is not valid JSON: ") + simdjson::error_message(error));
    }
    dom::object object;
    if (root.get_object().get(object) != simdjson::SUCCESS) {
      throw bad("the body must be a JSON object");
    }
    return object;
  }

  size_t max_body_bytes;
  dom::parser parser;
};

RequestParser::RequestParser(size_t max_body_bytes)
    : json_(std::make_unique<Json>(max_body_bytes)) {}
RequestParser::~RequestParser() = default;

Inference RequestParser::infer(std::string_view body, const ModelInfo& info, int64_t json_bytes) {
  if (json_bytes == 0) return raw(body, info);
  const auto json_size =
      json_bytes == RequestFields::absent ? body.size() : static_cast<size_t>(json_bytes);
  if (json_size > body.size()) {
    throw bad("Inference-Header-Content-Length is " + std::to_string(json_size) +
              ", but the body has " + std::to_string(body.size()) + " bytes");
  }
  const dom::object root = json_->parse(body.substr(0, json_size));
  Inference inference;
  inference.id = read_id(root);
  const RequestParameters parameters = read_parameters(root);
  inference.priority = parameters.priority;
  inference.timeout_us = parameters.timeout_us;
  inference.outputs = read_outputs(root, parameters.binary_outputs, info);
  const InputTensor input = read_input(root, info);
  inference.n = input.images;
  const size_t pixels = static_cast<size_t>(input.images) * info.image_bytes();
  const std::string_view binary = body.substr(json_size);
  if (input.binary_bytes.value_or(0) != binary.size()) {
    throw bad("'binary_data_size' is " + std::to_string(input.binary_bytes.value_or(0)) + ", but " +
              std::to_string(binary.size()) + " bytes follow the JSON");
  }
  if (!input.binary_bytes) {
    inference.images = pixels_of(input.numbers, input.datatype, pixels, "data");
    return inference;
  }
  if (binary.size() != pixels * bytes_of(input.datatype)) {
    throw bad("'binary_data_size' is " + std::to_string(binary.size()) + ", but 'shape' makes it " +
              std::to_string(pixels * bytes_of(input.datatype)));
  }
  inference.images = pixels_of(binary, input.datatype);
  return inference;
}

Inference RequestParser::raw(std::string_view body, const ModelInfo& info) const {
  const size_t images = body.size() / info.image_bytes();
  if (images == 0 || body.size() % info.image_bytes() != 0) {
    throw bad("a raw body must hold whole images of " + std::to_string(info.image_bytes()) +
              " bytes; it has " + std::to_string(body.size()));
  }
  if (images > static_cast<size_t>(max_images_per_request)) {
    throw bad("at most " + std::to_string(max_images_per_request) + " images fit into one request");
  }
  Inference inference;
  inference.n = static_cast<int>(images);
  inference.images = pixels_of(body, Datatype::uint8);
  inference.outputs = Inference::every_output(true);
  return inference;
}

Inference RequestParser::predict(std::string_view body, const ModelInfo& info) {
  const dom::object root = json_->parse(body);
  Inference inference;
  inference.n = 1;
  inference.id = "null";
  dom::element id;
  if (root.at_key("image_id").get(id) == simdjson::SUCCESS) {
    if (!id.is_string() && !id.is_int64() && !id.is_null()) {
      throw bad("'image_id' must be a text or a whole number");
    }
    inference.id = simdjson::minify(id);
  }
  dom::array data;
  if (root.at_key("image").get_array().get(data) != simdjson::SUCCESS) {
    throw bad("the request needs an array 'image' of " + std::to_string(info.image_bytes()) +
              " numbers [" + image_text(info) + "]");
  }
  inference.images = pixels_of(data, Datatype::fp32, info.image_bytes(), "image");
  return inference;
}

}  // namespace podium::serve
