// Client: predictions from a running service, over one kept HTTP/1.1 connection or, inside a job,
// over messages between ranks (rank_transport.hpp).
//
// A Client is used by one thread; open one per thread for concurrency. A connection that the server
// closed between two requests is opened again without notice.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "serve/client/credentials.hpp"
#include "serve/client/infer_message.hpp"
#include "serve/client/transport.hpp"

namespace podium::serve {

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
  explicit Client(std::unique_ptr<Transport> transport);
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
  std::unique_ptr<Transport> transport_;
};

}  // namespace podium::serve
