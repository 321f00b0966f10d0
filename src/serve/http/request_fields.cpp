#include "serve/http/request_fields.hpp"

#include <boost/beast/core/string.hpp>
#include <charconv>
#include <string>
#include <string_view>

#include "serve/protocol/compression.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace beast = boost::beast;
using Headers = beast::http::fields;

constexpr const char* json_bytes_header = "Inference-Header-Content-Length";
constexpr const char* priority_header = "Podium-Priority";
constexpr const char* timeout_header = "Podium-Timeout-Ms";
constexpr int64_t most_json_bytes = int64_t{1} << 30;
constexpr int64_t least_urgent = 9;
constexpr int64_t most_timeout_ms = 3'600'000;

// `otherwise` where the header is absent. Throws RequestError 400.
int64_t number(const Headers& headers, const char* name, int64_t most, int64_t otherwise) {
  const auto found = headers.find(name);
  if (found == headers.end()) return otherwise;
  const std::string_view text{found->value().data(), found->value().size()};
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > most) {
    throw RequestError(
        400, std::string(name) + " must be a whole number from 0 to " + std::to_string(most));
  }
  return value;
}

Encoding body_encoding(const Headers& headers) {
  const auto value = headers[beast::http::field::content_encoding];
  if (value.empty() || beast::iequals(value, "identity")) return Encoding::identity;
  if (beast::iequals(value, "gzip")) return Encoding::gzip;
  if (beast::iequals(value, "deflate")) return Encoding::deflate;
  throw RequestError(415, "a body may be encoded by gzip or deflate");
}

}  // namespace

RequestFields request_fields(const Headers& headers) {
  RequestFields fields;
  fields.json_bytes = number(headers, json_bytes_header, most_json_bytes, RequestFields::absent);
  fields.encoding = body_encoding(headers);
  const auto accepted = headers[beast::http::field::accept_encoding];
  fields.wanted = accepted_encoding({accepted.data(), accepted.size()});
  fields.priority = static_cast<uint8_t>(number(headers, priority_header, least_urgent, 0));
  fields.timeout_ms = static_cast<uint32_t>(number(headers, timeout_header, most_timeout_ms, 0));
  return fields;
}

const char* to_string(Encoding encoding) {
  switch (encoding) {
    case Encoding::gzip:
      return "gzip";
    case Encoding::deflate:
      return "deflate";
    case Encoding::identity:
      break;
  }
  return "";
}

}  // namespace podium::serve
