#include "serve/http/http_session.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "core/random.hpp"
#include "serve/http/answer_head.hpp"
#include "serve/http/growing_body.hpp"
#include "serve/http/header_scan.hpp"
#include "serve/http/request_check.hpp"
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
using TimePoint = SteadyClock::time_point;

constexpr size_t read_bytes = size_t{16} << 10;
constexpr size_t read_bytes_of_large = size_t{128} << 10;
constexpr size_t kept_bytes = size_t{1} << 20;  // larger buffers are given back
constexpr auto linger_timeout = 2s;

// HEAD is a GET whose answer has no body.
Method method_of(http::verb verb) {
  if (verb == http::verb::get || verb == http::verb::head) return Method::get;
  return verb == http::verb::post ? Method::post : Method::other;
}

uint64_t key_of(std::string_view text) {
  return mix64(std::hash<std::string_view>()(text));
}

std::string_view view(const beast::string_view& text) {
  return {text.data(), text.size()};
}

// Requests with equal keys belong together: by the first of these headers, else by their client.
uint64_t key_of(const http::fields& headers, uint64_t client_key) {
  for (const char* name : {"Podium-Affinity", "Podium-Sequence-Id"}) {
    const auto value = headers[name];
    if (!value.empty()) return key_of(view(value));
  }
  return client_key;
}

// The status for a request that Beast refused.
int status_of(const error_code& error) {
  if (error == http::error::header_limit) return 431;
  return error == http::error::body_limit ? 413 : 400;
}

using TlsStream = asio::ssl::stream<HttpSocket>;

// `Stream`: HttpSocket or TlsStream.
template <typename Stream>
class Session : public HttpSession, public std::enable_shared_from_this<Session<Stream>> {
 public:
  template <typename... Tls>
  Session(HttpSocket socket, std::shared_ptr<HttpSessionShared> shared, Tls&... tls)
      : stream_(std::move(socket), tls...), shared_(std::move(shared)) {
    error_code error;
    this->socket().non_blocking(true, error);
    const auto peer = this->socket().remote_endpoint(error);
    if (error) return;
    const std::string address = peer.address().to_string();
    client_key_ = key_of(address);
    connection_key_ = mix64(client_key_ + peer.port());
    if (shared_->access_log != nullptr) client_ = address + ":" + std::to_string(peer.port());
  }

  bool busy() const override { return busy_; }
  TimePoint deadline() const override { return deadline_; }

  void close() override {
    error_code ignored;  // the descriptor is gone either way
    socket().close(ignored);
    end();
  }

  void start(bool refuse) {
    refused_ = refuse;
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      expire_at(SteadyClock::now() + shared_->options.header_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](const error_code& error) {
                                if (error) return self->close();
                                self->begin();
                              });
    } else {
      begin();
    }
  }

 private:
  HttpSocket& socket() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  void begin() {
    if (refused_) return refuse(503, "too many connections");
    await_request(SteadyClock::now());
  }

  void expire_at(TimePoint time) {
    deadline_ = time;
    shared_->expects(time);
  }

  void await_request(TimePoint now) {
    if (buffer_.size() > 0) return read_on();
    busy_ = false;
    if (buffer_.capacity() > kept_bytes) buffer_ = beast::flat_buffer();
    expire_at(now + shared_->options.idle_timeout);
    read_some(&Session::read_header);
  }

  // The next request came along with the last. Not at once, or many of them would nest.
  void read_on() {
    asio::post(socket().get_executor(), [self = this->shared_from_this()] {
      self->busy_ = false;
      if (!self->ended_) self->read_header();
    });
  }

  // Reads what has arrived, then calls `next`.
  void read_some(void (Session::*next)(), size_t bytes = read_bytes) {
    stream_.async_read_some(buffer_.prepare(bytes), [self = this->shared_from_this(), next](
                                                        const error_code& error, size_t got) {
      if (error) return self->close();
      self->buffer_.commit(got);
      ((*self).*next)();
    });
  }

  std::string_view unread() const {
    return {static_cast<const char*>(buffer_.data().data()), buffer_.size()};
  }

  void read_header() {
    if (!std::exchange(busy_, true)) {
      scan_ = {};
      begun_ = SteadyClock::now();
    }
    const HeaderScan::Result found = scan_.scan(unread());
    if (scan_.size() > shared_->options.max_header_bytes) {
      return refuse(431, "the header is larger than " +
                             std::to_string(shared_->options.max_header_bytes) + " bytes");
    }
    if (found == HeaderScan::Result::incomplete) {
      expire_at(begun_ + shared_->options.header_timeout);  // all of it, however it trickles in
      return read_some(&Session::read_header);
    }
    if (found != HeaderScan::Result::whole) return refuse(400, to_string(found));
    parse_header();
  }

  void parse_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_->options.max_header_bytes) + 1);
    parser_->body_limit(shared_->options.max_body_bytes);
    error_code error;
    buffer_.consume(parser_->put(buffer_.data(), error));
    is_head_ = !error && parser_->get().method() == http::verb::head;
    if (error) return fail(error);
    try {
      check_request(parser_->get(), shared_->options.token);
    } catch (const RequestError& refusal) {
      keep_alive_ = parser_->is_done() && parser_->keep_alive() && refusal.status() == 401;
      return refuse(refusal.status(), refusal.what());
    }
    parser_->eager(true);
    if (parser_->is_done()) return handle();
    if (buffer_.size() == 0 && expects_to_go_on(parser_->get())) return tell_to_go_on();
    read_body();
  }

  void tell_to_go_on() {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    expire_at(SteadyClock::now() + shared_->options.body_timeout);
    asio::async_write(stream_, asio::buffer(go_on),
                      [self = this->shared_from_this()](const error_code& error, size_t) {
                        if (error) return self->close();
                        self->read_body();
                      });
  }

  // Takes what has arrived of the body, and reads on until it is whole.
  void read_body() {
    while (buffer_.size() > 0 && !parser_->is_done()) {
      error_code error;
      const size_t taken = parser_->put(buffer_.data(), error);
      buffer_.consume(taken);
      count_arriving(taken);
      if (error == http::error::need_more) break;
      if (error) return fail(error);
    }
    if (parser_->is_done()) return handle();
    // All that can be left unread is a line of a chunked body, or its trailer.
    if (buffer_.size() > shared_->options.max_header_bytes) {
      return refuse(431, "a line between chunks is too long");
    }
    if (shared_->arriving_bytes > shared_->options.queue_bytes) {
      return refuse(429, "too many bodies are being sent at once");
    }
    // Time for a pause, and for what has arrived at the lowest rate.
    const size_t rate = std::max<size_t>(shared_->options.min_body_rate, 1);
    expire_at(begun_ + shared_->options.body_timeout +
              std::chrono::milliseconds(arrived_ * 1000 / rate));
    const bool large = parser_->content_length_remaining().value_or(0) > read_bytes;
    read_some(&Session::read_body, large ? read_bytes_of_large : read_bytes);
  }

  void count_arriving(size_t bytes) {
    arrived_ += bytes;
    shared_->arriving_bytes += bytes;
  }

  void fail(const error_code& error) {
    refuse(status_of(error), "the request cannot be read: " + error.message());
  }

  // Answers without a handler. The connection closes unless keep_alive_ was set.
  void refuse(int status, const std::string& message) {
    busy_ = true;
    HttpAnswer answer;
    answer.status = status;
    answer.body = error_body(message);
    answer.retry_after_s = status == 429 || status == 503 ? 1 : 0;
    write(std::move(answer));
  }

  void handle() {
    deadline_ = TimePoint::max();
    http::request<GrowingBody>& message = parser_->get();
    keep_alive_ = message.keep_alive();
    is_old_ = message.version() < 11;
    HttpRequest request;
    request.method = method_of(message.method());
    request.target = std::string(view(message.target()));
    request.key = key_of(message, client_key_);
    request.client = key_of(message, connection_key_);
    request.body = std::move(message.body());
    request_bytes_ = request.body.size();
    asked_ = true;
    try {
      request.fields = request_fields(message);
      shared_->handler(std::move(request), [self = this->shared_from_this()](HttpAnswer answer) {
        if (std::exchange(self->asked_, false)) self->write(std::move(answer));
      });
    } catch (const RequestError& error) {
      if (std::exchange(asked_, false)) refuse(error.status(), error.what());
    } catch (const std::exception& failure) {
      keep_alive_ = false;
      if (std::exchange(asked_, false)) refuse(500, failure.what());
    }
  }

  void write(HttpAnswer answer) {
    shared_->arriving_bytes -= std::exchange(arrived_, 0);
    answer_ = std::move(answer);
    closes_ = answer_.close || !keep_alive_;
    const After keep = is_old_ ? After::keep_and_say_so : After::keep;
    write_answer_head(answer_, closes_ ? After::close : keep, &head_);
    const std::string_view body = is_head_ ? std::string_view() : answer_.body;
    const auto now = SteadyClock::now();
    const auto most = std::max<size_t>(shared_->options.min_body_rate, 1);
    expire_at(now + shared_->options.body_timeout +
              std::chrono::milliseconds(body.size() * 1000 / most));
    const std::array<asio::const_buffer, 2> parts = {asio::buffer(head_), asio::buffer(body)};
    beast::buffers_suffix<std::array<asio::const_buffer, 2>> rest(parts);
    if constexpr (std::is_same_v<Stream, HttpSocket>) {  // it most often takes all at once
      error_code shows_below;
      rest.consume(stream_.write_some(parts, shows_below));
      if (asio::buffer_size(rest) == 0) return written({}, now);
    }
    asio::async_write(stream_, rest,
                      [self = this->shared_from_this(), now](const error_code& error, size_t) {
                        self->written(error, now);
                      });
  }

  void written(const error_code& error, TimePoint now) {
    if (shared_->access_log != nullptr) record();
    if (error) return close();
    if (closes_) return linger();
    parser_.reset();
    keep_alive_ = is_head_ = is_old_ = false;
    request_bytes_ = 0;
    await_request(now);
  }

  void record() {
    Access access;
    access.client = client_;
    if (parser_) {
      access.method = view(parser_->get().method_string());
      access.path = view(parser_->get().target());
      access.id = view(parser_->get()["X-Request-Id"]);
    }
    access.status = answer_.status;
    access.request_bytes = request_bytes_;
    access.bytes = is_head_ ? 0 : answer_.body.size();
    access.milliseconds =
        std::chrono::duration<double, std::milli>(SteadyClock::now() - begun_).count();
    access.replica = answer_.replica;
    access.version = answer_.version;
    shared_->access_log->record(access);
  }

  // Ends our half and reads what the client still sends: closing with unread bytes would reset the
  // connection, and the client might never see the answer.
  void linger() {
    error_code ignored;  // the client may be gone already
    socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    busy_ = false;
    buffer_.clear();
    expire_at(SteadyClock::now() + linger_timeout);
    read_away();
  }

  void read_away() {
    socket().async_read_some(buffer_.prepare(read_bytes),
                             [self = this->shared_from_this()](const error_code& error, size_t) {
                               if (error) return self->close();
                               self->read_away();
                             });
  }

  void end() {
    busy_ = asked_ = false;
    shared_->arriving_bytes -= std::exchange(arrived_, 0);
    if (!std::exchange(ended_, true)) shared_->ended(this);
  }

  Stream stream_;
  std::shared_ptr<HttpSessionShared> shared_;
  beast::flat_buffer buffer_;
  HeaderScan scan_;
  std::optional<http::request_parser<GrowingBody>> parser_;
  std::string head_;
  HttpAnswer answer_;
  uint64_t client_key_ = 0;
  uint64_t connection_key_ = 0;
  std::string client_;  // for the access log
  TimePoint deadline_ = TimePoint::max();
  TimePoint begun_{};         // of the request
  size_t arrived_ = 0;        // of its body
  size_t request_bytes_ = 0;  // its body
  bool refused_ = false;
  bool busy_ = false;
  bool asked_ = false;  // the handler owes an answer
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool is_old_ = false;  // HTTP/1.0
  bool closes_ = false;
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<HttpSession> start_http_session(HttpSocket socket,
                                                std::shared_ptr<HttpSessionShared> shared,
                                                bool refuse) {
  if (asio::ssl::context* tls = shared->tls) {
    const auto session =
        std::make_shared<Session<TlsStream>>(std::move(socket), std::move(shared), *tls);
    session->start(refuse);
    return session;
  }
  const auto session = std::make_shared<Session<HttpSocket>>(std::move(socket), std::move(shared));
  session->start(refuse);
  return session;
}

}  // namespace podium::serve
