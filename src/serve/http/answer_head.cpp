#include "serve/http/answer_head.hpp"

#include <array>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <string_view>

#include "serve/http/request_fields.hpp"

namespace podium::serve {
namespace {

void put_number(std::string* head, std::string_view name, int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  head->append(name).append(digits.data(), end).append("\r\n");
}

void put_text(std::string* head, std::string_view name, std::string_view value) {
  head->append(name).append(value).append("\r\n");
}

}  // namespace

void write_answer_head(const HttpAnswer& answer, After after, std::string* head) {
  head->assign("HTTP/1.1 ").append(std::to_string(answer.status)).push_back(' ');
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(answer.status)));
  head->append(reason.data(), reason.size()).append("\r\n");
  put_text(head, "Content-Type: ", answer.content_type);
  put_number(head, "Content-Length: ", static_cast<int64_t>(answer.body.size()));
  if (answer.json_bytes != RequestFields::absent) {
    put_number(head, "Inference-Header-Content-Length: ", answer.json_bytes);
  }
  if (answer.encoding != Encoding::identity) {
    put_text(head, "Content-Encoding: ", to_string(answer.encoding));
  }
  if (!answer.allow.empty()) put_text(head, "Allow: ", answer.allow);
  if (answer.retry_after_s > 0) put_number(head, "Retry-After: ", answer.retry_after_s);
  if (answer.status == 401) put_text(head, "WWW-Authenticate: ", R"(Bearer realm="podium")");
  if (after == After::close) put_text(head, "Connection: ", "close");
  if (after == After::keep_and_say_so) put_text(head, "Connection: ", "keep-alive");
  head->append("\r\n");
}

}  // namespace podium::serve
