#include "serve/http/http_server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/error.hpp"
#include "serve/http/http_session.hpp"
#include "serve/http/tls.hpp"

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
  Listener(asio::io_context& context, const ServiceOptions& options, HttpHandler handler,
           const Log& log)
      : options_(options), acceptor_(context), pause_(context), watch_(context) {
    shared_ = std::make_shared<HttpSessionShared>(HttpSessionShared{
        options, std::move(handler), [this](HttpSession* session) { forget(session); },
        [this](SteadyClock::time_point time) {
          if (time < watched_) watch_until(time);
        }});
    if (!options.access_log.empty()) {
      access_log_ = std::make_unique<AccessLog>(options.access_log, log);
      shared_->access_log = access_log_.get();
    }
    if (!options.tls_certificate.empty()) {
      tls_.emplace(server_tls(options.tls_certificate, options.tls_key));
      shared_->tls = &*tls_;
    }
    if (!options.standby) listen(endpoint_of(options));
  }

  int port() const { return port_; }

  void start(std::function<void()> listening) {
    if (port_ == 0 && !take_over()) return try_later(std::move(listening));
    accept();
    listening();
  }

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](const error_code& error, HttpSocket socket) {
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
        std::ranges::count_if(sessions_, [](const auto& entry) { return entry.first->busy(); }));
  }

  void close_connections() {
    const auto sessions = sessions_;  // each erases itself
    for (const auto& [key, entry] : sessions) entry.session->close();
  }

 private:
  using Acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;
  struct Entry {
    std::shared_ptr<HttpSession> session;
    asio::ip::address client;
  };

  void listen(const tcp::endpoint& endpoint) {
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) close_on_exec(acceptor_.native_handle());
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) throw cannot_listen(options_, error);
  }

  // Of a standby: has the port if nobody else has. Any other trouble may pass as well.
  bool take_over() {
    try {
      listen(endpoint_of(options_));
      return true;
    } catch (const Error&) {
      error_code ignored;  // closing leaves nothing to repair
      acceptor_.close(ignored);
      return false;
    }
  }

  void try_later(std::function<void()> listening) {
    pause_.expires_after(standby_pause);
    pause_.async_wait(
        [self = shared_from_this(), listening = std::move(listening)](const error_code& error) {
          if (!error) self->start(listening);
        });
  }

  void begin(HttpSocket socket) {
    close_on_exec(socket.native_handle());
    error_code ignored;  // a slower connection is no failure
    socket.set_option(tcp::no_delay(true), ignored);
    if (sessions_.size() >= 2 * options_.max_connections) return;  // closes it without a word
    error_code gone;
    const asio::ip::address client = socket.remote_endpoint(gone).address();
    if (gone) return;
    size_t& of_client = clients_[client];
    const bool refuse = sessions_.size() >= options_.max_connections ||
                        of_client >= options_.max_connections_per_client;
    ++of_client;
    const auto session = start_http_session(std::move(socket), shared_, refuse);
    sessions_[session.get()] = {session, client};
  }

  void forget(HttpSession* session) {
    const auto entry = sessions_.find(session);
    if (entry == sessions_.end()) return;
    const auto client = clients_.find(entry->second.client);
    if (--client->second == 0) clients_.erase(client);
    sessions_.erase(entry);
  }

  void accept_later() {
    pause_.expires_after(accept_pause);
    pause_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->accept();
    });
  }

  // One timer for all sessions: it is set for the earliest deadline that was ever told, and what
  // became later meanwhile is found when it fires. So a request costs no timer.
  void watch_until(SteadyClock::time_point time) {
    watched_ = time;
    watch_.expires_at(time);
    watch_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error) self->close_expired();
    });
  }

  void close_expired() {
    const auto now = SteadyClock::now();
    auto next = SteadyClock::time_point::max();
    std::vector<std::shared_ptr<HttpSession>> expired;
    for (const auto& [key, entry] : sessions_) {
      const auto deadline = key->deadline();
      if (deadline <= now) {
        expired.push_back(entry.session);
      } else {
        next = std::min(next, deadline);
      }
    }
    watched_ = SteadyClock::time_point::max();
    for (const auto& session : expired) session->close();
    if (next != SteadyClock::time_point::max()) watch_until(next);
  }

  const ServiceOptions& options_;
  Acceptor acceptor_;
  asio::steady_timer pause_;
  asio::steady_timer watch_;
  SteadyClock::time_point watched_ = SteadyClock::time_point::max();  // when watch_ fires
  int port_ = 0;
  std::unique_ptr<AccessLog> access_log_;
  std::optional<asio::ssl::context> tls_;
  std::shared_ptr<HttpSessionShared> shared_;
  std::unordered_map<HttpSession*, Entry> sessions_;
  std::map<asio::ip::address, size_t> clients_;  // connections of each
};

HttpServer::HttpServer(asio::io_context& context, const ServiceOptions& options, const Log& log,
                       HttpHandler handler)
    : listener_(std::make_shared<Listener>(context, options, std::move(handler), log)) {}

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
