// RequestParser: bodies to images. No sockets; one parser per thread, which keeps its memory.
//
// Follows the Open Inference Protocol v2 (KServe) for infer and Triton's extensions of binary
// tensors and classification, with one input tensor "image" of datatype UINT8, or FP32 in the same
// range 0..255: [N,H,W,C], [N,H,W] with one channel, or [N,H*W*C]. Preprocessing belongs to the
// model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "serve/protocol/inference.hpp"
#include "serve/protocol/message.hpp"
#include "serve/protocol/model_info.hpp"

namespace podium::serve {

class RequestParser {
 public:
  explicit RequestParser(size_t max_body_bytes);
  ~RequestParser();

  // The body of .../infer: `json_bytes` (RequestFields) of JSON, then the binary tensor that it
  // announces; with 0, one raw tensor of UINT8, whose bytes tell the number of images. Throws
  // RequestError 400 that names the field at fault.
  Inference infer(std::string_view body, const ModelInfo& info,
                  int64_t json_bytes = RequestFields::absent);

  // The body of /predict: {"image_id": ..., "image": [...]}, one image, flat or nested. Throws
  // RequestError 400.
  Inference predict(std::string_view body, const ModelInfo& info);

 private:
  Inference raw(std::string_view body, const ModelInfo& info) const;

  struct Json;
  std::unique_ptr<Json> json_;
};

}  // namespace podium::serve
