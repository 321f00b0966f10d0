#include "serve/client/client.hpp"

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "serve/http/tls.hpp"

namespace podium::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint64_t max_reply_bytes = uint64_t{256} << 20;

constexpr const char* json_bytes_header = "Inference-Header-Content-Length";

std::optional<size_t> whole_number(beast::string_view text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// The text of {"error": ...}, or the body itself.
std::string error_text(const std::string& body) {
  const auto document = nlohmann::json::parse(body, nullptr, false);
  if (document.is_object() && document.contains("error") && document["error"].is_string()) {
    return document["error"].get<std::string>();
  }
  return body.substr(0, 200);
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(std::string host, int port, std::chrono::milliseconds timeout,
                Credentials credentials)
      : host_(std::move(host)),
        port_(port),
        timeout_(timeout),
        credentials_(std::move(credentials)),
        stream_(context_) {
    if (credentials_.tls) tls_.emplace(client_tls(credentials_.trusted));
  }

  HttpReply exchange(std::string_view method, std::string_view target, std::string body,
                     std::span<const HttpHeader> headers) override {
    http::request<http::string_body> request;
    request.method_string({method.data(), method.size()});
    request.target({target.data(), target.size()});
    request.version(11);
    request.set(http::field::host, host_ + ":" + std::to_string(port_));
    request.set(http::field::content_type, "application/json");
    if (!credentials_.token.empty()) {
      request.set(http::field::authorization, "Bearer " + credentials_.token);
    }
    for (const HttpHeader& header : headers) request.set(header.name, header.value);
    request.body() = std::move(body);
    request.prepare_payload();
    if (stream_.socket().is_open()) {
      // A kept connection may have been closed meanwhile; then nothing of an answer was read.
      if (const auto reply = try_once(request)) return *reply;
      if (!was_closed_unanswered()) throw no_answer();
    }
    connect();
    if (const auto reply = try_once(request)) return *reply;
    throw no_answer();
  }

  Error unavailable(const std::string& why) const override {
    return unavailable_error(why, host_ + ":" + std::to_string(port_),
                             "check that podium serve runs there");
  }

 private:
  using Done = std::function<void(const error_code&)>;

  // Runs one asynchronous operation, or a chain of them, to its end.
  void run(const std::function<void(Done)>& begin) {
    error_ = asio::error::would_block;
    begin([this](const error_code& error) { error_ = error; });
    context_.restart();
    context_.run();
  }

  void connect() {
    stream_.close();
    buffer_.clear();
    tcp::resolver resolver(context_);
    const auto endpoints = resolver.resolve(host_, std::to_string(port_), error_);
    if (error_) throw unavailable("cannot resolve the server's name: " + error_.message());
    stream_.expires_after(timeout_);
    run([&](const Done& done) {
      stream_.async_connect(endpoints,
                            [done](const error_code& error, const tcp::endpoint&) { done(error); });
    });
    if (error_) throw unavailable("cannot reach the server: " + error_.message());
    error_code ignored;  // a slower connection is no failure
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    if (credentials_.tls) shake_hands();
  }

  void shake_hands() {
    secure_.emplace(stream_, *tls_);
    SSL_set_tlsext_host_name(secure_->native_handle(), host_.c_str());
    if (!credentials_.any_name) {
      secure_->set_verify_callback(asio::ssl::host_name_verification(host_));
    }
    run([&](const Done& done) { secure_->async_handshake(asio::ssl::stream_base::client, done); });
    if (error_) throw unavailable("the server is not trusted: " + error_.message());
  }

  // Writes `request`, then reads the answer.
  template <typename Stream>
  void exchange_over(Stream& stream, const http::request<http::string_body>& request,
                     http::response_parser<http::string_body>& parser) {
    run([&](const Done& done) {
      http::async_write(stream, request, [&, done](const error_code&, size_t) {
        // A server may answer before it has read everything, so an answer is looked for anyway.
        http::async_read(stream, buffer_, parser,
                         [done](const error_code& error, size_t) { done(error); });
      });
    });
  }

  // Empty when no answer came; error_ then says why, and the connection is closed.
  std::optional<HttpReply> try_once(const http::request<http::string_body>& request) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_reply_bytes);
    parser.skip(request.method() == http::verb::head);
    received_ = false;
    stream_.expires_after(timeout_);
    if (credentials_.tls) {
      exchange_over(*secure_, request, parser);
    } else {
      exchange_over(stream_, request, parser);
    }
    if (error_) {
      received_ = parser.got_some();
      stream_.close();
      return std::nullopt;
    }
    HttpReply reply;
    reply.status = parser.get().result_int();
    reply.keep_alive = parser.get().keep_alive();
    reply.retry_after = std::string(parser.get()[http::field::retry_after]);
    reply.encoding = std::string(parser.get()[http::field::content_encoding]);
    reply.json_bytes = whole_number(parser.get()[json_bytes_header]);
    reply.body = std::move(parser.get().body());
    if (!reply.keep_alive) stream_.close();
    return reply;
  }

  bool was_closed_unanswered() const { return !received_ && error_ != beast::error::timeout; }

  Error no_answer() const {
    if (error_ == beast::error::timeout) {
      return unavailable("the server did not answer within " + std::to_string(timeout_.count()) +
                         " ms");
    }
    return unavailable("the connection broke: " + error_.message());
  }

  std::string host_;
  int port_;
  std::chrono::milliseconds timeout_;
  Credentials credentials_;
  asio::io_context context_{1};
  std::optional<asio::ssl::context> tls_;
  beast::tcp_stream stream_;
  std::optional<asio::ssl::stream<beast::tcp_stream&>> secure_;  // over stream_, with TLS
  beast::flat_buffer buffer_;
  error_code error_;
  bool received_ = false;  // a part of an answer
};

}  // namespace

HostPort parse_host_port(std::string_view text, const char* option) {
  const size_t colon = text.rfind(':');
  HostPort result;
  if (colon != std::string_view::npos) {
    result.host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
    if (error != std::errc() || end != digits.data() + digits.size()) result.port = 0;
  }
  if (result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']') {
    result.host = result.host.substr(1, result.host.size() - 2);
  }
  if (result.host.empty() || result.port < 1 || result.port > 65535) {
    throw usage_error("'" + std::string(text) + "' is not HOST:PORT", option,
                      "use for instance 127.0.0.1:8080");
  }
  return result;
}

Client::Client(std::string host, int port, std::chrono::milliseconds timeout,
               Credentials credentials)
    : Client(std::make_unique<HttpTransport>(std::move(host), port, timeout,
                                             std::move(credentials))) {}
Client::Client(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

HttpReply Client::request(std::string_view method, std::string_view target, std::string body,
                          std::span<const HttpHeader> headers) {
  return transport_->exchange(method, target, std::move(body), headers);
}

InferReply Client::infer(const InferRequest& request) {
  InferBody body = infer_request_body(request);
  const HttpHeader headers[] = {{"Content-Type", "application/octet-stream"},
                                {json_bytes_header, std::to_string(body.json_bytes)}};
  const HttpReply reply = this->request("POST", "/v2/models/" + request.model + "/infer",
                                        std::move(body.bytes), headers);
  const std::string text = std::to_string(reply.status) + " " +
                           (reply.status == 200 ? std::string() : error_text(reply.body));
  if (reply.status == 429 || reply.status >= 500) {
    throw transport_->unavailable("the server answered " + text);
  }
  if (reply.status == 401) {
    throw usage_error("the server does not take this client's token", "--predict.token_file",
                      "give the serve.token of the service's run folder");
  }
  if (reply.status != 200) {
    throw data_error("the server refused the request: " + text, request.model,
                     "check that the server's model fits the images");
  }
  try {
    return parse_infer_reply(reply.body, reply.json_bytes.value_or(reply.body.size()));
  } catch (const std::runtime_error& error) {
    throw transport_->unavailable(std::string("the server's reply is not understood: ") +
                                  error.what());
  }
}

}  // namespace podium::serve
