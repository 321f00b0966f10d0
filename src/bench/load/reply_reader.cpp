#include "bench/load/reply_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <limits>

#include "core/error.hpp"

namespace podium::bench {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr size_t first_bytes = size_t{16} << 10;

Error no_http(const error_code& error) {
  return data_error("a reply cannot be read: " + error.message(), "bench serve",
                    "measure an HTTP/1.1 server");
}

}  // namespace

// Keeps the status of one reply.
class ReplyReader::Parser : public http::basic_parser<false> {
 public:
  Parser() {
    eager(true);
    body_limit(std::numeric_limits<uint64_t>::max());
  }
  int status = 0;

 protected:
  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override { status = code; }
  void on_field_impl(http::field, string_view, string_view, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, string_view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
};

ReplyReader::ReplyReader() : parser_(std::make_unique<Parser>()), buffer_(first_bytes) {}
ReplyReader::~ReplyReader() = default;
ReplyReader::ReplyReader(ReplyReader&&) noexcept = default;
ReplyReader& ReplyReader::operator=(ReplyReader&&) noexcept = default;

std::span<char> ReplyReader::space() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  return std::span(buffer_).subspan(end_);
}

std::optional<ReplyReader::Reply> ReplyReader::next() {
  while (end_ > begin_) {
    error_code error;
    const size_t used =
        parser_->put(boost::asio::const_buffer(buffer_.data() + begin_, end_ - begin_), error);
    begin_ += used;
    if (error && error != http::error::need_more) throw no_http(error);
    if (parser_->is_done()) return take();
    if (error || used == 0) return {};
  }
  return {};
}

std::optional<ReplyReader::Reply> ReplyReader::finish() {
  if (!parser_->is_header_done() || !parser_->need_eof()) return {};
  error_code error;
  parser_->put_eof(error);
  if (error || !parser_->is_done()) return {};
  return take();
}

ReplyReader::Reply ReplyReader::take() {
  const Reply reply{parser_->status, parser_->keep_alive()};
  parser_ = std::make_unique<Parser>();
  return reply;
}

}  // namespace podium::bench
