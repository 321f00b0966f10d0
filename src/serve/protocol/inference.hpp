// Inference: what a parsed request asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace podium::serve {

inline constexpr int max_images_per_request = 4096;

// One output of a reply to infer.
struct OutputRequest {
  enum class Tensor : uint8_t { probabilities, number };  // number: the output "class"
  Tensor tensor{};
  bool binary = false;
  int labels = 0;  // "score:index:label" of so many best classes instead of the tensor; 0: none
};

// The images of one request and how its reply is to look.
struct Inference {
  std::vector<uint8_t> images;  // [n,H,W,C]
  int n = 0;
  std::string id;  // to echo: the request's "id", or the "image_id" of predict as JSON text
  std::vector<OutputRequest> outputs = every_output(false);
  uint8_t priority = 0;    // the parameter "priority"; 0: what the headers say
  int64_t timeout_us = 0;  // the parameter "timeout"; 0: none

  static std::vector<OutputRequest> every_output(bool binary) {
    return {{OutputRequest::Tensor::probabilities, binary, 0},
            {OutputRequest::Tensor::number, binary, 0}};
  }
};

}  // namespace podium::serve
