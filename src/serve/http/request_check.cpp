#include "serve/http/request_check.hpp"

#include <boost/beast/core/string.hpp>
#include <string_view>

#include "serve/http/token.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

namespace beast = boost::beast;
using beast::http::field;

std::string_view view(const beast::string_view& text) {
  return {text.data(), text.size()};
}

// Kubernetes and load balancers ask these without a secret, and learn nothing but yes or no.
bool is_open_to_all(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path == "/v2/health/live" || path == "/v2/health/ready";
}

void check_framing(const RequestHead& head) {
  const auto lengths = head.count(field::content_length);
  if (lengths > 1 || head[field::content_length].find(',') != beast::string_view::npos) {
    throw RequestError(400, "the request has more than one Content-Length");
  }
  if (head.count(field::host) > 1) throw RequestError(400, "the request has more than one Host");
  const auto encoding = head.find(field::transfer_encoding);
  if (encoding == head.end()) return;
  const bool sound = head.count(field::transfer_encoding) == 1 && lengths == 0 &&
                     head.version() == 11 && beast::iequals(encoding->value(), "chunked");
  if (!sound) throw RequestError(400, "the only Transfer-Encoding taken is chunked, in HTTP/1.1");
}

}  // namespace

void check_request(const RequestHead& head, const std::string& token) {
  check_framing(head);
  const auto expectation = head[field::expect];
  if (!expectation.empty() && !beast::iequals(expectation, "100-continue")) {
    throw RequestError(417, "the only expectation met is 100-continue");
  }
  if (token.empty() || is_open_to_all(view(head.target()))) return;
  const bool once = head.count(field::authorization) == 1;
  if (!once || !shows_token(view(head[field::authorization]), token)) {
    throw RequestError(401,
                       "the request must show the service's token: Authorization: Bearer TOKEN");
  }
}

bool expects_to_go_on(const RequestHead& head) {
  return head.version() == 11 && beast::iequals(head[field::expect], "100-continue");
}

}  // namespace podium::serve
