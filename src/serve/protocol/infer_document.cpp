#include "serve/protocol/infer_document.hpp"

#include <algorithm>
#include <string_view>

#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace dom = simdjson::dom;
using Tensor = OutputRequest::Tensor;

constexpr uint64_t most_priority = 255;
constexpr uint64_t most_timeout_us = 3'600'000'000;  // an hour; more counts as that

RequestError bad(const std::string& message) {
  return {400, message};
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 100)) + "'";
}

std::string_view text_field(const dom::object& object, const char* key, const char* where) {
  std::string_view text;
  if (object.at_key(key).get_string().get(text) != simdjson::SUCCESS) {
    throw bad(std::string(where) + " needs a text '" + key + "'");
  }
  return text;
}

// The object "parameters" of a request or tensor, which may be absent.
class Parameters {
 public:
  Parameters(const dom::object& owner, std::string where) : where_(std::move(where)) {
    dom::element found;
    if (owner.at_key("parameters").get(found) != simdjson::SUCCESS) return;
    if (found.get_object().get(object_) != simdjson::SUCCESS) {
      throw bad("'parameters' of " + where_ + " must be an object");
    }
    given_ = true;
  }

  std::optional<bool> flag(const char* key) const {
    dom::element found;
    if (!find(key, &found)) return {};
    bool value = false;
    if (found.get_bool().get(value) != simdjson::SUCCESS) throw refuse(key, "true or false");
    return value;
  }

  std::optional<uint64_t> number(const char* key, uint64_t most = UINT64_MAX) const {
    dom::element found;
    if (!find(key, &found)) return {};
    uint64_t value = 0;
    if (found.get_uint64().get(value) == simdjson::SUCCESS && value <= most) return value;
    if (most == UINT64_MAX) throw refuse(key, "a whole number, 0 or more");
    throw refuse(key, "a whole number from 0 to " + std::to_string(most));
  }

  void require_number_or_text(const char* key) const {
    dom::element found;
    if (!find(key, &found) || found.is_uint64() || found.is_int64() || found.is_string()) return;
    throw refuse(key, "a whole number or a text");
  }

  void refuse_shared_memory() const {
    dom::element found;
    if (find("shared_memory_region", &found)) {
      throw bad("'shared_memory_region' of " + where_ + " is not offered; send the data");
    }
  }

 private:
  bool find(const char* key, dom::element* found) const {
    return given_ && object_.at_key(key).get(*found) == simdjson::SUCCESS;
  }
  RequestError refuse(const char* key, const std::string& kind) const {
    return bad(std::string("'") + key + "' of " + where_ + " must be " + kind);
  }

  std::string where_;
  dom::object object_;
  bool given_ = false;
};

// --- Outputs -------------------------------------------------------------------------------------

OutputRequest read_output(const dom::element& entry, bool binary, const ModelInfo& info) {
  dom::object object;
  if (entry.get_object().get(object) != simdjson::SUCCESS) {
    throw bad("an entry of 'outputs' must be an object");
  }
  const std::string_view name = text_field(object, "name", "an output");
  if (name != "probabilities" && name != "class") {
    throw bad("unknown output " + quoted(name) + "; there are probabilities and class");
  }
  const Parameters parameters(object, "the output " + quoted(name));
  parameters.refuse_shared_memory();
  OutputRequest output;
  output.tensor = name == "class" ? Tensor::number : Tensor::probabilities;
  output.binary = parameters.flag("binary_data").value_or(binary);
  const uint64_t labels = parameters.number("classification").value_or(0);
  if (labels > 0 && output.tensor != Tensor::probabilities) {
    throw bad("'classification' is of the output 'probabilities'");
  }
  output.labels = static_cast<int>(std::min(labels, static_cast<uint64_t>(info.classes)));
  return output;
}

// --- Input ---------------------------------------------------------------------------------------

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
  const std::span<const int64_t> rest(shape.begin() + (shape.empty() ? 0 : 1), shape.end());
  const int64_t h = info.height, w = info.width, c = info.channels;
  const auto is = [&](std::initializer_list<int64_t> sizes) {
    return std::ranges::equal(rest, sizes);
  };
  if (!is({h, w, c}) && !is({h * w * c}) && !(c == 1 && is({h, w}))) {
    throw bad("'shape' must be [N," + image_text(info) + "] or flattened");
  }
  if (shape[0] > max_images_per_request) {
    throw bad("'shape': at most " + std::to_string(max_images_per_request) +
              " images fit into one request");
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

Datatype datatype_of(const dom::object& input) {
  const std::string_view datatype = text_field(input, "datatype", "the input 'image'");
  if (datatype == "UINT8") return Datatype::uint8;
  if (datatype == "FP32") return Datatype::fp32;
  throw bad("'datatype' of the input 'image' must be UINT8 or FP32");
}

}  // namespace

std::string image_text(const ModelInfo& info) {
  return std::to_string(info.height) + "," + std::to_string(info.width) + "," +
         std::to_string(info.channels);
}

std::string read_id(const dom::object& root) {
  dom::element id;
  if (root.at_key("id").get(id) != simdjson::SUCCESS) return "";
  std::string_view text;
  if (id.get_string().get(text) != simdjson::SUCCESS) throw bad("'id' must be a text");
  return std::string(text);
}

RequestParameters read_parameters(const dom::object& root) {
  const Parameters parameters(root, "the request");
  RequestParameters read;
  read.binary_outputs = parameters.flag("binary_data_output").value_or(false);
  read.priority = static_cast<uint8_t>(parameters.number("priority", most_priority).value_or(0));
  read.timeout_us =
      static_cast<int64_t>(std::min(parameters.number("timeout").value_or(0), most_timeout_us));
  parameters.require_number_or_text("sequence_id");
  for (const char* key : {"sequence_start", "sequence_end"}) parameters.flag(key);
  return read;
}

std::vector<OutputRequest> read_outputs(const dom::object& root, bool binary,
                                        const ModelInfo& info) {
  dom::element element;
  if (root.at_key("outputs").get(element) != simdjson::SUCCESS) {
    return Inference::every_output(binary);
  }
  dom::array entries;
  if (element.get_array().get(entries) != simdjson::SUCCESS) {
    throw bad("'outputs' must be an array");
  }
  std::vector<OutputRequest> outputs;
  for (const dom::element entry : entries) {
    const OutputRequest output = read_output(entry, binary, info);
    if (std::ranges::find(outputs, output.tensor, &OutputRequest::tensor) != outputs.end()) {
      throw bad("'outputs' names an output twice");
    }
    outputs.push_back(output);
  }
  return outputs.empty() ? Inference::every_output(binary) : outputs;
}

InputTensor read_input(const dom::object& root, const ModelInfo& info) {
  const dom::object input = the_input(root);
  InputTensor tensor;
  tensor.datatype = datatype_of(input);
  tensor.images = images_of(shape_of(input), info);
  const Parameters parameters(input, "the input 'image'");
  parameters.refuse_shared_memory();
  tensor.binary_bytes = parameters.number("binary_data_size");
  dom::element data;
  const bool has_data = input.at_key("data").get(data) == simdjson::SUCCESS;
  if (has_data && tensor.binary_bytes) {
    throw bad("the input 'image' has both 'data' and 'binary_data_size'");
  }
  if (tensor.binary_bytes) return tensor;
  if (!has_data || data.get_array().get(tensor.numbers) != simdjson::SUCCESS) {
    throw bad("the input 'image' needs an array 'data' or a 'binary_data_size'");
  }
  return tensor;
}

}  // namespace podium::serve
