// RequestParser: JSON bodies to images. No sockets; one parser per thread, which keeps its memory.
//
// Follows the Open Inference Protocol v2 (KServe) for infer, with one input tensor "image" of
// datatype UINT8, or FP32 in the same range 0..255: [N,H,W,C], [N,H,W] with one channel, or
// [N,H*W*C]. Preprocessing belongs to the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serve/protocol/model_info.hpp"

namespace podium::serve {

inline constexpr int max_images_per_request = 4096;

// The images of one request and how its reply is to look.
struct Inference {
  std::vector<uint8_t> images;  // [n,H,W,C]
  int n = 0;
  std::string id;  // to echo: the request's "id", or the "image_id" of predict as JSON text
  bool wants_probabilities = true;
  bool wants_class = true;
  uint8_t priority = 0;    // the parameter "priority"; 0: what the headers say
  int64_t timeout_us = 0;  // the parameter "timeout"; 0: none
};

class RequestParser {
 public:
  explicit RequestParser(size_t max_body_bytes);
  ~RequestParser();

  // The body of .../infer. Throws RequestError 400 that names the field at fault.
  Inference infer(std::string_view body, const ModelInfo& info);

  // The body of /predict: {"image_id": ..., "image": [...]}, one image, flat or nested. Throws
  // RequestError 400.
  Inference predict(std::string_view body, const ModelInfo& info);

 private:
  struct Json;
  std::unique_ptr<Json> json_;
};

}  // namespace podium::serve
