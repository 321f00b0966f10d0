// HttpSession: one client's connection, request after request.
//
// Lives on the service's thread and keeps itself alive while an operation is under way. Every phase
// has its own timeout: waiting for a request, reading its header, reading its body, writing the
// answer. Part of the service; includes Asio.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "serve/http/http_server.hpp"

namespace podium::serve {

class HttpSession {
 public:
  virtual ~HttpSession() = default;
  // True between the first byte of a request and the last of its answer.
  virtual bool busy() const = 0;
  // Closes the connection at once.
  virtual void close() = 0;
};

// What the sessions of a listener share; outlives them all.
struct HttpSessionShared {
  const ServiceOptions& options;
  HttpHandler handler;
  std::function<void(HttpSession*)> ended;
};

// Begins a session on `socket`. With `refuse`, the only answer is 503: too many connections.
std::shared_ptr<HttpSession> start_http_session(boost::asio::ip::tcp::socket socket,
                                                std::shared_ptr<const HttpSessionShared> shared,
                                                bool refuse);

}  // namespace podium::serve
