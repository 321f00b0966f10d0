// Client: predictions from a running service over one kept HTTP/1.1 connection.
//
// A Client is used by one thread; open one per thread for concurrency. A connection that the server
// closed between two requests is opened again without notice.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
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

struct HttpReply {
  int status = 0;
  bool keep_alive = false;
  std::string retry_after;  // header, or empty
  std::string body;
};

// Splits "HOST:PORT" (or "[V6]:PORT"). Throws usage_error.
struct HostPort {
  std::string host;
  int port = 0;
};
HostPort parse_host_port(std::string_view text);

// What a client shows, and whom it trusts.
struct Credentials {
  std::string token;      // empty: none
  bool tls = false;       // whether the connection is encrypted
  std::string trusted;    // PEM file of certificates; empty: those of the system
  bool any_name = false;  // the certificate need not name the host: `trusted` is the service's own
};

class Client {
 public:
  // Connects on first use. `timeout` bounds each request, connection included. Throws usage_error
  // when the certificates to trust cannot be read.
  Client(std::string host, int port,
         std::chrono::milliseconds timeout = std::chrono::milliseconds(30'000),
         Credentials credentials = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Predicts over POST /v2/models/MODEL/infer. Throws unavailable_error when the service cannot be
  // reached, does not answer in time or answers 429 or 5xx; data_error when it refuses the request.
  InferReply infer(const InferRequest& request);

  // One request with any answer. Throws unavailable_error when there is none.
  HttpReply request(std::string_view method, std::string_view target, std::string_view body = {});

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace podium::serve
