// InferDocument: the JSON of a request to infer, field by field. Pure.
//
// A view of a parsed document. Each function throws RequestError 400 that names the field at fault.
// Part of the protocol; includes simdjson.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "serve/protocol/inference.hpp"
#include "serve/protocol/model_info.hpp"
#include "serve/protocol/pixels.hpp"

namespace podium::serve {

// Where the data of the input are: numbers of the document, or so many bytes behind it.
struct InputTensor {
  Datatype datatype{};
  int images = 0;
  std::optional<uint64_t> binary_bytes;
  simdjson::dom::array numbers;  // unless binary
};

// "id", empty when there is none.
std::string read_id(const simdjson::dom::object& root);

// The "parameters" of the request. `sequence_id`, `sequence_start` and `sequence_end` are checked
// and say nothing here: the models keep no state between requests. Others than these are ignored.
struct RequestParameters {
  bool binary_outputs = false;  // "binary_data_output"
  uint8_t priority = 0;         // "priority"; 0: what the headers say
  int64_t timeout_us = 0;       // "timeout"; 0: none
};
RequestParameters read_parameters(const simdjson::dom::object& root);

// "outputs", or all outputs, with their parameters; binary unless they say otherwise, if `binary`.
std::vector<OutputRequest> read_outputs(const simdjson::dom::object& root, bool binary,
                                        const ModelInfo& info);

// The one of "inputs".
InputTensor read_input(const simdjson::dom::object& root, const ModelInfo& info);

// "28,28,1".
std::string image_text(const ModelInfo& info);

}  // namespace podium::serve
