// Client: predictions from a running service over one kept HTTP/1.1 connection.
//
// A Client is used by one thread; open one per thread for concurrency. A connection that the server
// closed between two requests is opened again without notice.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "serve/client/credentials.hpp"
#include "serve/client/infer_message.hpp"

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

// Splits "HOST:PORT" (or "[V6]:PORT"), as `option` gives it. Throws usage_error.
struct HostPort {
  std::string host;
  int port = 0;
};
HostPort parse_host_port(std::string_view text, const char* option = "address");

class Client {
 public:
  // Connects on first use. `timeout` bounds each request, connection included. Throws io_error when
  // the certificates to trust cannot be read, usage_error when they are none.
  Client(std::string host, int port,
         std::chrono::milliseconds timeout = std::chrono::milliseconds(30'000),
         Credentials credentials = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Predicts over POST /v2/models/MODEL/infer, by binary tensors. Throws unavailable_error when the
  // service cannot be reached, does not answer in time or answers 429 or 5xx; data_error when it
  // refuses the request.
  InferReply infer(const InferRequest& request);

  // One request with any answer. Throws unavailable_error when there is none.
  HttpReply request(std::string_view method, std::string_view target, std::string body = {},
                    std::span<const HttpHeader> headers = {});

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace podium::serve
