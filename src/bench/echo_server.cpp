#include "bench/echo_server.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <thread>
#include <utility>

#include "core/error.hpp"

namespace podium::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

class Echo : public std::enable_shared_from_this<Echo> {
 public:
  Echo(tcp::socket socket, size_t reply_bytes)
      : stream_(std::move(socket)), reply_bytes_(reply_bytes) {}

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](const error_code& error, size_t) {
                       if (!error) self->write();
                     });
  }

 private:
  void write() {
    response_ = {};
    response_.version(11);
    response_.set(http::field::content_type, "application/json");
    response_.body() = std::move(request_.body());
    response_.body().resize(std::min(response_.body().size(), reply_bytes_));
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](const error_code& error, size_t) {
                        if (!error) self->read();
                      });
  }

  beast::tcp_stream stream_;
  size_t reply_bytes_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

}  // namespace

class EchoServer::Implementation {
 public:
  explicit Implementation(size_t reply_bytes) : reply_bytes_(reply_bytes), acceptor_(context_) {
    error_code error;
    const tcp::endpoint anywhere(asio::ip::address_v4::loopback(), 0);
    acceptor_.open(anywhere.protocol(), error);
    if (!error) acceptor_.bind(anywhere, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) {
      throw unavailable_error("the echo server cannot listen: " + error.message(), "127.0.0.1", "");
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
      std::make_shared<Echo>(std::move(socket), reply_bytes_)->read();
      accept();
    });
  }

  size_t reply_bytes_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  int port_ = 0;
  std::thread thread_;
};

EchoServer::EchoServer(size_t reply_bytes)
    : implementation_(std::make_unique<Implementation>(reply_bytes)) {}
EchoServer::~EchoServer() = default;

int EchoServer::port() const {
  return implementation_->port();
}

}  // namespace podium::bench
