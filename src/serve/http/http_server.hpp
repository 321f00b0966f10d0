// HttpServer: a listener and its HTTP/1.1 connections; what to answer is the handler's.
//
// Lives on the thread that runs the io_context. Connections are kept between requests; limits and
// timeouts are those of ServiceOptions. Part of the service; Beast stays in http_session.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/log.hpp"
#include "serve/protocol/message.hpp"
#include "serve/service.hpp"

namespace boost::asio {
class io_context;
}

namespace podium::serve {

struct HttpRequest {
  Method method{};
  RequestFields fields;
  std::string target;
  std::string body;
  uint64_t key = 0;  // equal for requests that belong together: Podium-Affinity, Podium-Sequence-Id
  uint64_t client =
      0;  // the same, but each connection without these headers is a client of its own
};

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";  // of a text that stays
  int64_t json_bytes = RequestFields::absent;          // header Inference-Header-Content-Length
  Encoding encoding = Encoding::identity;              // header Content-Encoding
  std::string allow;                                   // header of a 405, or empty
  int retry_after_s = 0;                               // header, unless 0
  bool close = false;                                  // the connection, after this answer
  std::string replica;  // for the access log: who computed it, or empty
  int version = 0;      // for the access log: by which version, or 0
};

// Must call `respond` exactly once, now or later, on the thread of the io_context.
using HttpRespond = std::function<void(HttpAnswer answer)>;
using HttpHandler = std::function<void(HttpRequest request, HttpRespond respond)>;

class HttpServer {
 public:
  // Binds and listens, unless it is a standby; nothing is accepted before start(). Throws
  // unavailable_error when the address cannot be had, usage_error when it is none or TLS files do
  // not serve, io_error when these cannot be read or the access log cannot be written.
  HttpServer(boost::asio::io_context& context, const ServiceOptions& options, const Log& log,
             HttpHandler handler);
  ~HttpServer();

  // 0 while a standby waits for the port.
  int port() const;
  // Calls `listening` once the port is had: now, or when whoever has it lets go.
  void start(std::function<void()> listening);

  // Refuses new connections; those open go on.
  void stop_listening();
  // Connections that are reading a request, waiting for its answer, or writing it.
  size_t busy_connections() const;
  size_t connections() const;
  void close_connections();

 private:
  class Listener;
  std::shared_ptr<Listener> listener_;
};

}  // namespace podium::serve
