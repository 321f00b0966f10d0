// EchoServer: a bare HTTP/1.1 server of Beast, the limit that a service's front door is held
// against.
//
// Answers every request with the first `reply_bytes` of its body, as application/json; no routes,
// no timeouts, no limits. Listens on a free port of 127.0.0.1 and has one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace podium::bench {

class EchoServer {
 public:
  static constexpr size_t whole = SIZE_MAX;

  // Throws unavailable_error when there is no port.
  explicit EchoServer(size_t reply_bytes = whole);
  // Closes all connections.
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  int port() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace podium::bench
