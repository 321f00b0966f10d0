// EchoServer: the least that an HTTP server does, as the limit of a service: Beast and Asio on one
// thread answer each request with its own body.
#pragma once

#include <memory>

namespace podium::bench {

class EchoServer {
 public:
  // Listens on a free port of 127.0.0.1. Throws unavailable_error when there is none.
  EchoServer();
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  int port() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace podium::bench
