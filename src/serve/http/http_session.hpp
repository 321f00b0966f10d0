// HttpSession: one client's connection, request after request.
//
// Lives on the service's thread and keeps itself alive while an operation is under way. Every phase
// has its own time: the handshake, waiting for a request, all of its header, its body, the answer.
// A session knows when its phase is over; its listener, which looks after all of them, ends it.
// Part of the service; includes Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>

#include "core/clock.hpp"
#include "serve/http/access_log.hpp"
#include "serve/http/http_server.hpp"

namespace podium::serve {

// Of an executor that is known at compile time, which saves an indirection per operation.
using HttpSocket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class HttpSession {
 public:
  virtual ~HttpSession() = default;
  // True between the first byte of a request and the last of its answer.
  virtual bool busy() const = 0;
  // When the phase at hand has taken too long; the largest value: never.
  virtual SteadyClock::time_point deadline() const = 0;
  // Closes the connection at once.
  virtual void close() = 0;
};

// What the sessions of a listener share; outlives them all.
struct HttpSessionShared {
  const ServiceOptions& options;
  HttpHandler handler;
  std::function<void(HttpSession*)> ended;
  std::function<void(SteadyClock::time_point)> expects;  // a session's new deadline
  AccessLog* access_log = nullptr;                       // null: none
  boost::asio::ssl::context* tls = nullptr;              // null: plain HTTP
  size_t arriving_bytes = 0;                             // of bodies that are not whole yet
};

// Begins a session on `socket`. With `refuse`, the only answer is 503: too many connections.
std::shared_ptr<HttpSession> start_http_session(HttpSocket socket,
                                                std::shared_ptr<HttpSessionShared> shared,
                                                bool refuse);

}  // namespace podium::serve
