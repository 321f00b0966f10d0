#include "serve/http/http_session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "core/random.hpp"
#include "serve/http/request_fields.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr size_t read_bytes = size_t{16} << 10;
constexpr size_t kept_bytes = size_t{1} << 20;  // a larger read buffer is given back
constexpr auto linger_timeout = 2s;

Method method_of(http::verb verb) {
  if (verb == http::verb::get) return Method::get;
  return verb == http::verb::post ? Method::post : Method::other;
}

uint64_t key_of(std::string_view text) {
  return mix64(std::hash<std::string_view>()(text));
}

// Requests with equal keys belong together: by the first of these headers, else by their client.
uint64_t key_of(const http::fields& headers, uint64_t client_key) {
  for (const char* name : {"Podium-Affinity", "Podium-Sequence-Id"}) {
    const auto value = headers[name];
    if (!value.empty()) return key_of({value.data(), value.size()});
  }
  return client_key;
}

// The status for a request that Beast refused; 0 when the connection is to be closed silently.
int status_of(const error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  const bool grammar = error.category() == make_error_code(http::error::bad_method).category();
  return grammar ? 400 : 0;
}

class Session : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(asio::ip::tcp::socket socket, std::shared_ptr<const HttpSessionShared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    error_code error;
    const auto peer = stream_.socket().remote_endpoint(error);
    if (error) return;
    client_key_ = key_of(peer.address().to_string());
    connection_key_ = mix64(client_key_ + peer.port());
  }

  bool busy() const override { return busy_; }

  void close() override {
    stream_.close();
    end();
  }

  void await_request() {
    busy_ = false;
    if (buffer_.size() > 0) return read_header();  // the next request came along with the last
    if (buffer_.capacity() > kept_bytes) buffer_ = beast::flat_buffer();
    stream_.expires_after(shared_->options.idle_timeout);
    stream_.async_read_some(buffer_.prepare(read_bytes),
                            [self = shared_from_this()](const error_code& error, size_t bytes) {
                              if (error) return self->close();
                              self->buffer_.commit(bytes);
                              self->read_header();
                            });
  }

  void refuse(int status, const std::string& message) {
    busy_ = true;
    HttpAnswer answer;
    answer.status = status;
    answer.body = error_body(message);
    answer.close = true;
    write(std::move(answer));
  }

 private:
  void read_header() {
    busy_ = true;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_->options.max_header_bytes));
    parser_->body_limit(shared_->options.max_body_bytes);
    stream_.expires_after(shared_->options.header_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](const error_code& error, size_t) {
                              if (error) return self->fail(error);
                              self->after_header();
                            });
  }

  void after_header() {
    if (parser_->is_done()) return handle();
    stream_.expires_after(shared_->options.body_timeout);
    if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return read_body();
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(go_on),
                      [self = shared_from_this()](const error_code& error, size_t) {
                        if (error) return self->close();
                        self->read_body();
                      });
  }

  void read_body() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& error, size_t) {
                       if (error) return self->fail(error);
                       self->handle();
                     });
  }

  void fail(const error_code& error) {
    const int status = status_of(error);
    if (status == 0) return close();
    keep_alive_ = false;
    refuse(status, "the request cannot be read: " + error.message());
  }

  void handle() {
    stream_.expires_never();
    http::request<http::string_body> message = parser_->release();
    parser_.reset();
    keep_alive_ = message.keep_alive();
    is_head_ = message.method() == http::verb::head;
    HttpRequest request;
    request.method = method_of(message.method());
    request.target = std::string(message.target());
    request.key = key_of(message, client_key_);
    request.client = key_of(message, connection_key_);
    request.body = std::move(message.body());
    asked_ = true;
    try {
      request.fields = request_fields(message);
      shared_->handler(std::move(request), [self = shared_from_this()](HttpAnswer answer) {
        if (std::exchange(self->asked_, false)) self->write(std::move(answer));
      });
    } catch (const RequestError& error) {
      if (std::exchange(asked_, false)) refuse(error.status(), error.what());
    } catch (const std::exception& failure) {
      if (std::exchange(asked_, false)) refuse(500, failure.what());
    }
  }

  void write(HttpAnswer answer) {
    closes_ = answer.close || !keep_alive_;
    response_ = {};
    response_.result(static_cast<unsigned>(answer.status));
    response_.version(11);
    response_.set(http::field::content_type, answer.content_type);
    if (answer.json_bytes != RequestFields::absent) {
      response_.set("Inference-Header-Content-Length", std::to_string(answer.json_bytes));
    }
    if (answer.encoding != Encoding::identity) {
      response_.set(http::field::content_encoding, to_string(answer.encoding));
    }
    if (!answer.allow.empty()) response_.set(http::field::allow, answer.allow);
    if (answer.retry_after_s > 0) {
      response_.set(http::field::retry_after, std::to_string(answer.retry_after_s));
    }
    response_.keep_alive(!closes_);
    if (!is_head_) response_.body() = std::move(answer.body);
    response_.prepare_payload();
    stream_.expires_after(shared_->options.body_timeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](const error_code& error, size_t) {
                        if (error) return self->close();
                        if (self->closes_) return self->linger();
                        self->await_request();
                      });
  }

  // Ends our half and reads what the client still sends: closing with unread bytes would reset the
  // connection, and the client might never see the answer.
  void linger() {
    error_code ignored;  // the client may be gone already
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    busy_ = false;
    buffer_.clear();
    stream_.expires_after(linger_timeout);
    read_away();
  }

  void read_away() {
    stream_.async_read_some(buffer_.prepare(read_bytes),
                            [self = shared_from_this()](const error_code& error, size_t) {
                              if (error) return self->close();
                              self->read_away();
                            });
  }

  void end() {
    busy_ = asked_ = false;
    if (!std::exchange(ended_, true)) shared_->ended(this);
  }

  beast::tcp_stream stream_;
  std::shared_ptr<const HttpSessionShared> shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  uint64_t client_key_ = 0;
  uint64_t connection_key_ = 0;
  bool busy_ = false;
  bool asked_ = false;  // the handler owes an answer
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool closes_ = false;
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<HttpSession> start_http_session(asio::ip::tcp::socket socket,
                                                std::shared_ptr<const HttpSessionShared> shared,
                                                bool refuse) {
  auto session = std::make_shared<Session>(std::move(socket), std::move(shared));
  if (refuse) {
    session->refuse(503, "too many connections");
  } else {
    session->await_request();
  }
  return session;
}

}  // namespace podium::serve
