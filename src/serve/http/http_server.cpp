#include "serve/http/http_server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_map>

#include "core/error.hpp"
#include "serve/http/http_session.hpp"

namespace podium::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto standby_pause = 20ms;  // between attempts to have the port
constexpr auto accept_pause = 100ms;  // after a failure, for instance of too many open files

// Replica processes must not inherit the service's sockets: they would keep them open.
void close_on_exec(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

tcp::endpoint endpoint_of(const ServiceOptions& options) {
  error_code error;
  const std::string text = options.address == "localhost" ? "127.0.0.1" : options.address;
  const auto address = asio::ip::make_address(text, error);
  if (error) {
    throw usage_error("'" + options.address + "' is not an IP address", "--serve.address",
                      "use 127.0.0.1, or 0.0.0.0 for every network of this machine");
  }
  return {address, static_cast<uint16_t>(options.port)};
}

Error cannot_listen(const ServiceOptions& options, const error_code& error) {
  const std::string where = "port " + std::to_string(options.port) + " on " + options.address;
  if (error == asio::error::address_in_use) {
    return unavailable_error(where + " is in use", "--serve.port",
                             "choose another with --serve.port, or 0 for a free one");
  }
  if (error == asio::error::access_denied) {
    return unavailable_error(where + " may not be used by this user", "--serve.port",
                             "choose one above 1023 with --serve.port, or 0 for a free one");
  }
  return unavailable_error("cannot listen on " + where + ": " + error.message(), "--serve.address",
                           "choose an address of this machine");
}

}  // namespace

class HttpServer::Listener : public std::enable_shared_from_this<HttpServer::Listener> {
 public:
  Listener(asio::io_context& context, const ServiceOptions& options, HttpHandler handler)
      : options_(options), acceptor_(context), pause_(context) {
    shared_ = std::make_shared<HttpSessionShared>(HttpSessionShared{
        options, std::move(handler), [this](HttpSession* session) { sessions_.erase(session); }});
    const error_code error = listen();
    if (error && !is_taken(error)) throw cannot_listen(options_, error);
  }

  int port() const { return port_; }

  void start(std::function<void()> listening) {
    if (port_ == 0 && listen()) return try_later(std::move(listening));
    accept();
    listening();
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](const error_code& error, tcp::socket socket) {
          if (!self->acceptor_.is_open()) return;
          if (error) return self->accept_later();
          self->begin(std::move(socket));
          self->accept();
        });
  }

  void stop_listening() {
    error_code ignored;  // closing leaves nothing to repair
    acceptor_.close(ignored);
    pause_.cancel();
  }

  size_t busy_connections() const {
    return static_cast<size_t>(
        std::ranges::count_if(sessions_, [](const auto& entry) { return entry.second->busy(); }));
  }

  void close_connections() {
    const auto sessions = sessions_;  // each erases itself
    for (const auto& [key, session] : sessions) session->close();
  }

 private:
  error_code listen() {
    const tcp::endpoint endpoint = endpoint_of(options_);
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) close_on_exec(acceptor_.native_handle());
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    error_code ignored;  // closing leaves nothing to repair
    if (error) acceptor_.close(ignored);
    return error;
  }

  // Which a standby waits out.
  bool is_taken(const error_code& error) const {
    return options_.standby && error == asio::error::address_in_use;
  }

  void try_later(std::function<void()> listening) {
    pause_.expires_after(standby_pause);
    pause_.async_wait(
        [self = shared_from_this(), listening = std::move(listening)](const error_code& error) {
          if (!error) self->start(listening);
        });
  }

  void begin(tcp::socket socket) {
    close_on_exec(socket.native_handle());
    error_code ignored;  // a slower connection is no failure
    socket.set_option(tcp::no_delay(true), ignored);
    if (sessions_.size() >= 2 * options_.max_connections) return;  // closes it without a word
    const bool refuse = sessions_.size() >= options_.max_connections;
    const auto session = start_http_session(std::move(socket), shared_, refuse);
    sessions_[session.get()] = session;
  }

  void accept_later() {
    pause_.expires_after(accept_pause);
    pause_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->accept();
    });
  }

  const ServiceOptions& options_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  int port_ = 0;
  std::shared_ptr<const HttpSessionShared> shared_;
  std::unordered_map<HttpSession*, std::shared_ptr<HttpSession>> sessions_;
};

HttpServer::HttpServer(asio::io_context& context, const ServiceOptions& options,
                       HttpHandler handler)
    : listener_(std::make_shared<Listener>(context, options, std::move(handler))) {}

HttpServer::~HttpServer() = default;

int HttpServer::port() const {
  return listener_->port();
}
void HttpServer::start(std::function<void()> listening) {
  listener_->start(std::move(listening));
}
void HttpServer::stop_listening() {
  listener_->stop_listening();
}
size_t HttpServer::busy_connections() const {
  return listener_->busy_connections();
}
void HttpServer::close_connections() {
  listener_->close_connections();
}

}  // namespace podium::serve
