#include "serve/protocol/request_parser.hpp"

#include <simdjson.h>

#include <cmath>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace dom = simdjson::dom;

constexpr size_t max_depth = 16;
constexpr size_t kept_bytes = size_t{4} << 20;  // a parser that grew larger is made anew

RequestError bad(const std::string& message) {
  return {400, message};
}

// Collects the numbers of nested arrays as pixels.
class Pixels {
 public:
  Pixels(size_t expected, bool fractions) : expected_(expected), fractions_(fractions) {
    values_.reserve(expected);
  }

  void append(const dom::array& numbers) {
    for (const dom::element element : numbers) {
      switch (element.type()) {
        case dom::element_type::INT64:
          push(element.get_int64().value_unsafe());
          break;
        case dom::element_type::ARRAY:
          append(element.get_array().value_unsafe());
          break;
        case dom::element_type::DOUBLE:
          push(element.get_double().value_unsafe());
          break;
        case dom::element_type::UINT64:
          throw out_of_range();
        default:
          throw bad("the image data must be numbers, flat or in nested arrays");
      }
    }
  }

  std::vector<uint8_t> take() {
    if (values_.size() != expected_) {
      throw bad("the image data has " + std::to_string(values_.size()) + " numbers, " +
                std::to_string(expected_) + " are expected");
    }
    return std::move(values_);
  }

 private:
  static RequestError out_of_range() { return bad("a pixel is outside 0..255"); }

  void push(int64_t value) {
    if (value < 0 || value > 255) throw out_of_range();
    if (values_.size() == expected_) {
      throw bad("the image data has more than the " + std::to_string(expected_) +
                " numbers expected");
    }
    values_.push_back(static_cast<uint8_t>(value));
  }

  void push(double value) {
    if (!fractions_) throw bad("a UINT8 pixel must be a whole number");
    if (!(value >= 0 && value <= 255)) throw out_of_range();
    push(static_cast<int64_t>(std::lround(value)));
  }

  size_t expected_;
  bool fractions_;
  std::vector<uint8_t> values_;
};

std::string image_text(const ModelInfo& info) {
  return std::to_string(info.height) + "," + std::to_string(info.width) + "," +
         std::to_string(info.channels);
}

std::string_view text_field(const dom::object& object, const char* key, const char* where) {
  std::string_view text;
  if (object.at_key(key).get_string().get(text) != simdjson::SUCCESS) {
    throw bad(std::string(where) + " needs a text '" + key + "'");
  }
  return text;
}

std::vector<int64_t> shape_of(const dom::object& input) {
  dom::array numbers;
  if (input.at_key("shape").get_array().get(numbers) != simdjson::SUCCESS) {
    throw bad("the input 'image' needs an array 'shape'");
  }
  std::vector<int64_t> shape;
  for (const dom::element element : numbers) {
    int64_t size = 0;
    if (element.get_int64().get(size) != simdjson::SUCCESS || size < 1 || shape.size() == 4) {
      throw bad("'shape' must be 2 to 4 whole numbers above 0");
    }
    shape.push_back(size);
  }
  return shape;
}

// The number of images that `shape` means for the model.
int images_of(const std::vector<int64_t>& shape, const ModelInfo& info) {
  const std::vector<int64_t> rest(shape.begin() + (shape.empty() ? 0 : 1), shape.end());
  const int64_t h = info.height, w = info.width, c = info.channels;
  const bool fits = rest == std::vector<int64_t>{h, w, c} ||
                    rest == std::vector<int64_t>{h * w * c} ||
                    (c == 1 && rest == std::vector<int64_t>{h, w});
  if (!fits) throw bad("'shape' must be [N," + image_text(info) + "] or flattened");
  if (shape[0] > max_images_per_request) {
    throw bad("at most " + std::to_string(max_images_per_request) + " images fit into one request");
  }
  return static_cast<int>(shape[0]);
}

dom::object the_input(const dom::object& root) {
  dom::array inputs;
  if (root.at_key("inputs").get_array().get(inputs) != simdjson::SUCCESS) {
    throw bad("the request needs an array 'inputs'");
  }
  dom::object input;
  if (inputs.size() != 1 || inputs.at(0).get_object().get(input) != simdjson::SUCCESS ||
      text_field(input, "name", "an input") != "image") {
    throw bad("'inputs' must hold one tensor named 'image'");
  }
  return input;
}

// True for FP32, false for UINT8.
bool has_fractions(const dom::object& input) {
  const std::string_view datatype = text_field(input, "datatype", "the input 'image'");
  if (datatype != "UINT8" && datatype != "FP32") {
    throw bad("the datatype of 'image' must be UINT8 or FP32");
  }
  return datatype == "FP32";
}

void read_outputs(const dom::object& root, Inference* inference) {
  dom::element element;
  if (root.at_key("outputs").get(element) != simdjson::SUCCESS) return;
  dom::array outputs;
  if (element.get_array().get(outputs) != simdjson::SUCCESS)
    throw bad("'outputs' must be an array");
  if (outputs.size() == 0) return;
  inference->wants_probabilities = inference->wants_class = false;
  for (const dom::element entry : outputs) {
    dom::object output;
    if (entry.get_object().get(output) != simdjson::SUCCESS)
      throw bad("an output must be an object");
    const std::string_view name = text_field(output, "name", "an output");
    if (name == "probabilities") {
      inference->wants_probabilities = true;
    } else if (name == "class") {
      inference->wants_class = true;
    } else {
      throw bad("unknown output '" + std::string(name.substr(0, 100)) +
                "'; there are probabilities and class");
    }
  }
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

Inference RequestParser::infer(std::string_view body, const ModelInfo& info) {
  const dom::object root = json_->parse(body);
  Inference inference;
  dom::element id;
  if (root.at_key("id").get(id) == simdjson::SUCCESS) {
    std::string_view text;
    if (id.get_string().get(text) != simdjson::SUCCESS) throw bad("'id' must be a text");
    inference.id = text;
  }
  read_outputs(root, &inference);
  const dom::object input = the_input(root);
  const bool fractions = has_fractions(input);
  inference.n = images_of(shape_of(input), info);
  dom::array data;
  if (input.at_key("data").get_array().get(data) != simdjson::SUCCESS) {
    throw bad("the input 'image' needs an array 'data'");
  }
  Pixels pixels(static_cast<size_t>(inference.n) * info.image_bytes(), fractions);
  pixels.append(data);
  inference.images = pixels.take();
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
  Pixels pixels(info.image_bytes(), true);
  pixels.append(data);
  inference.images = pixels.take();
  return inference;
}

}  // namespace podium::serve
