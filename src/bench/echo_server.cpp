#include "bench/echo_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <thread>

#include "core/error.hpp"

namespace podium::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

class EchoSession : public std::enable_shared_from_this<EchoSession> {
 public:
  explicit EchoSession(tcp::socket socket) : socket_(std::move(socket)) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(uint64_t{1} << 30);
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& error, size_t) {
                       if (!error) self->write();
                     });
  }

 private:
  void write() {
    reply_ = {http::status::ok, 11};
    reply_.set(http::field::content_type, "application/json");
    reply_.body() = std::move(parser_->get().body());
    reply_.prepare_payload();
    http::async_write(socket_, reply_,
                      [self = shared_from_this()](const error_code& error, size_t) {
                        if (!error) self->read();
                      });
  }

  tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> reply_;
};

}  // namespace

class EchoServer::Implementation {
 public:
  Implementation() : context_(1), acceptor_(context_) {
    error_code error;
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), 0);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) {
      throw unavailable_error("cannot listen: " + error.message(), "127.0.0.1", "try again");
    }
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Implementation() {
    context_.stop();
    thread_.join();
  }

  int port() const { return port_; }

 private:
  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error) return;
      error_code ignored;  // a slower connection is no failure
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<EchoSession>(std::move(socket))->read();
      accept();
    });
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  int port_ = 0;
  std::thread thread_;
};

EchoServer::EchoServer() : implementation_(std::make_unique<Implementation>()) {}
EchoServer::~EchoServer() = default;

int EchoServer::port() const {
  return implementation_->port();
}

}  // namespace podium::bench
