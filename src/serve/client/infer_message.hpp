// InferMessage: the bodies of a request to infer and of its reply, with binary tensors. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace podium::serve {

// A request of n images [n,H,W,C].
struct InferRequest {
  std::string model;
  std::span<const uint8_t> images;
  int n = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
};

struct InferReply {
  std::vector<float> probabilities;  // [n,classes]
  std::vector<int64_t> classes;      // [n], the most probable class
  std::string model_version;
  std::string server_replica;
  double processing_time_ms = 0;
};

// A body and how much of it is JSON (Inference-Header-Content-Length).
struct InferBody {
  std::string bytes;
  size_t json_bytes = 0;
};
InferBody infer_request_body(const InferRequest& request);

// Throws std::runtime_error when the body is no such reply.
InferReply parse_infer_reply(std::string_view body, size_t json_bytes);

}  // namespace podium::serve
