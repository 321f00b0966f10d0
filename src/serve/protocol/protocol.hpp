// Protocol: the bodies of replies to predictions, and of errors. Pure functions.
//
// Follows the Open Inference Protocol v2 (KServe) and Triton's extensions of binary tensors and
// classification; a version is an integer in text everywhere.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "serve/feedback/chooser.hpp"
#include "serve/protocol/inference.hpp"
#include "serve/protocol/message.hpp"
#include "serve/protocol/model_info.hpp"

namespace podium::serve {

// {"error": message}; bytes of `message` that are not UTF-8 are replaced.
std::string error_body(std::string_view message);

// Who computed a reply and how long it had the request.
struct Computed {
  std::string_view replica;
  double processing_time_ms = 0;
  const Choice* choice = nullptr;  // the class named, of one image; null: the likeliest
};

struct ReplyBody {
  std::string bytes;
  int64_t json_bytes = RequestFields::absent;  // of JSON before binary tensors, as in ReplyFields
};

// The reply to .../infer, with the outputs asked for: `probabilities` [n,classes] as FP32, `class`
// [n] as INT64, or `probabilities` [n,labels] as BYTES. Binary tensors follow the JSON in the order
// of the outputs, little-endian; a value of BYTES comes behind its length of 4 bytes. Throws
// RequestError 500 when a probability is not finite.
ReplyBody infer_body(const ModelInfo& info, const Inference& inference,
                     std::span<const float> probabilities, const Computed& computed);

// The reply to /predict for one image: `probabilities` [classes]. Throws like infer_body().
std::string predict_body(const ModelInfo& info, const Inference& inference,
                         std::span<const float> probabilities, const Computed& computed);

}  // namespace podium::serve
