#include "serve/protocol/compression.hpp"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <charconv>
#include <memory>

#include "core/error.hpp"
#include "serve/protocol/request_error.hpp"

namespace podium::serve {
namespace {

constexpr size_t first_bytes = size_t{16} << 10;  // of room for what a body inflates to
constexpr size_t wrapper_bytes = 64;              // of a header, a trailer and an empty block

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Cuts the part before `separator` off `*text`.
std::string_view cut(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view part = text->substr(0, at);
  *text = at == std::string_view::npos ? std::string_view() : text->substr(at + 1);
  return trim(part);
}

// The weight of "q=0.5"; what is no number weighs nothing.
double weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = cut(&parameters, ';');
    if (!boost::istarts_with(parameter, "q=")) continue;
    double weight = 0;
    std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), weight);
    return weight;
  }
  return 1;
}

const char* name_of(Encoding encoding) {
  return encoding == Encoding::gzip ? "gzip" : "deflate (the zlib format)";
}

uint8_t* bytes_of(std::string_view text) {
  // ISA-L reads through a pointer that is not const.
  return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
}

// Inflates one member after another into `room`, which doubles up to a limit.
class Inflater {
 public:
  Inflater(std::string_view body, Encoding encoding, size_t most_bytes)
      : encoding_(encoding), most_bytes_(most_bytes), state_(std::make_unique<inflate_state>()) {
    begin_member();
    state_->next_in = bytes_of(body);
    state_->avail_in = static_cast<uint32_t>(body.size());
  }

  std::string all() {
    do {
      begin_member();
      member();
    } while (encoding_ == Encoding::gzip && state_->avail_in > 0);
    if (state_->avail_in > 0) throw damaged();
    content_.resize(done_);
    return std::move(content_);
  }

 private:
  RequestError damaged() const {
    return {400, std::string("the body is not valid ") + name_of(encoding_)};
  }

  void begin_member() {
    uint8_t* const next = state_->next_in;
    const uint32_t left = state_->avail_in;
    isal_inflate_init(state_.get());
    state_->crc_flag = encoding_ == Encoding::gzip ? ISAL_GZIP : ISAL_ZLIB;
    state_->next_in = next;
    state_->avail_in = left;
  }

  void member() {
    while (state_->block_state != ISAL_BLOCK_FINISH) {
      if (done_ == content_.size()) grow();
      const auto room = static_cast<uint32_t>(content_.size() - done_);
      state_->next_out = reinterpret_cast<uint8_t*>(content_.data()) + done_;
      state_->avail_out = room;
      const uint32_t left = state_->avail_in;
      const int status = isal_inflate(state_.get());
      const size_t made = room - state_->avail_out;
      done_ += made;
      const bool stuck = made == 0 && state_->avail_in == left;
      if (status < 0 || status == ISAL_NEED_DICT) throw damaged();
      if (stuck && state_->block_state != ISAL_BLOCK_FINISH) throw damaged();  // cut off
    }
  }

  // One byte beyond the limit shows that there is more.
  void grow() {
    if (content_.size() > most_bytes_) {
      throw RequestError(
          413, "the body inflates to more than " + std::to_string(most_bytes_) + " bytes");
    }
    content_.resize(std::min(std::max(2 * content_.size(), first_bytes), most_bytes_ + 1));
  }

  Encoding encoding_;
  size_t most_bytes_;
  std::unique_ptr<inflate_state> state_;
  std::string content_;
  size_t done_ = 0;  // bytes of content_
};

}  // namespace

Encoding accepted_encoding(std::string_view header) {
  double identity = 0, gzip = -1, deflate = -1, any = 0;
  while (!header.empty()) {
    std::string_view item = cut(&header, ',');
    const std::string_view name = cut(&item, ';');
    const double weight = weight_of(item);
    if (boost::iequals(name, "gzip") || boost::iequals(name, "x-gzip")) gzip = weight;
    if (boost::iequals(name, "deflate")) deflate = weight;
    if (boost::iequals(name, "identity")) identity = weight;
    if (name == "*") any = weight;
  }
  if (gzip < 0) gzip = any;
  if (deflate < 0) deflate = any;
  if (std::max(gzip, deflate) <= 0 || identity > std::max(gzip, deflate)) return Encoding::identity;
  return gzip >= deflate ? Encoding::gzip : Encoding::deflate;
}

std::string decompress(std::string_view body, Encoding encoding, size_t most_bytes) {
  Inflater inflater(body, encoding, most_bytes);
  std::string content = inflater.all();
  if (content.size() > most_bytes) {
    throw RequestError(413,
                       "the body inflates to more than " + std::to_string(most_bytes) + " bytes");
  }
  return content;
}

std::string compress(std::string_view content, Encoding encoding) {
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.gzip_flag = encoding == Encoding::gzip ? IGZIP_GZIP : IGZIP_ZLIB;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = bytes_of(content);
  stream.avail_in = static_cast<uint32_t>(content.size());
  // What cannot be compressed is stored, with five bytes for every 64 KiB.
  std::string body(content.size() + content.size() / 8192 + wrapper_bytes, '\0');
  stream.next_out = reinterpret_cast<uint8_t*>(body.data());
  stream.avail_out = static_cast<uint32_t>(body.size());
  const int status = isal_deflate_stateless(&stream);
  require(status == COMP_OK, "a reply could not be compressed", "compress");
  body.resize(stream.total_out);
  return body;
}

}  // namespace podium::serve
