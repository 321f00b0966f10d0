// Transport: how the requests of a Client reach a service and the answers come back, one at a time.
//
// There are two: HTTP/1.1 (client.cpp), and messages between the ranks of a job
// (rank_transport.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace podium::serve {

struct HttpReply {
  int status = 0;
  bool keep_alive = false;
  std::string retry_after;           // header, or empty
  std::string encoding;              // Content-Encoding, or empty
  std::optional<size_t> json_bytes;  // Inference-Header-Content-Length
  std::string body;                  // as it came
};

// A header beside those that every request has.
struct HttpHeader {
  std::string name;
  std::string value;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // One request and its answer, whatever it is. Throws unavailable_error when there is none in
  // time.
  virtual HttpReply exchange(std::string_view method, std::string_view target, std::string body,
                             std::span<const HttpHeader> headers) = 0;

  // An unavailable_error that says where the service is.
  virtual Error unavailable(const std::string& why) const = 0;
};

}  // namespace podium::serve
