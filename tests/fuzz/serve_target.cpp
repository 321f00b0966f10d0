// What strangers send to a service: targets, headers, bodies of JSON, of binary tensors and packed
// ones. The first byte picks the parser. A request is refused by a RequestError with a 4xx; what is
// taken fits the model.
#include <boost/beast/http/parser.hpp>

#include "fuzz/target.hpp"
#include "serve/http/growing_body.hpp"
#include "serve/http/header_scan.hpp"
#include "serve/http/request_check.hpp"
#include "serve/http/request_fields.hpp"
#include "serve/http/token.hpp"
#include "serve/protocol/compression.hpp"
#include "serve/protocol/metadata.hpp"
#include "serve/protocol/protocol.hpp"
#include "serve/protocol/request_error.hpp"
#include "serve/protocol/request_parser.hpp"
#include "serve/protocol/route.hpp"

using namespace podium;
using namespace podium::serve;

namespace {

constexpr size_t max_body_bytes = size_t{1} << 20;

// Runs `read`, which may refuse by a 4xx that can be worded.
template <typename Read>
void read_or_answer(Read&& read) {
  try {
    read();
  } catch (const RequestError& error) {
    fuzz::expect(error.status() >= 400 && error.status() < 500, "a refusal that is no 4xx");
    fuzz::expect(!error_body(error.what()).empty(), "a refusal without words");
  } catch (const std::exception& error) {
    fuzz::finding(std::string("an exception that no client should cause: ") + error.what());
  }
}

ModelInfo small_model() {
  ModelInfo info;
  info.model = "m";
  info.version = 1;
  info.channels = 1;
  info.height = 2;
  info.width = 2;
  info.classes = 2;
  return info;
}

void read_target(const std::string& text) {
  for (const Method method : {Method::get, Method::post}) {
    read_or_answer([&] {
      const Route route = parse_route(method, text);
      fuzz::expect(route.version >= 0, "a negative version");
      fuzz::expect(route.model.find('/') == std::string_view::npos, "a model with a slash");
    });
  }
}

// As a session reads it: scan, Beast, then what Beast leaves open.
void read_header(const std::string& text) {
  HeaderScan scan;
  for (size_t end = 0; end < text.size(); end += 7)
    scan.scan(std::string_view(text).substr(0, end));
  HeaderScan at_once;
  const auto result = at_once.scan(text);
  if (result != HeaderScan::Result::whole) return;
  fuzz::expect(at_once.size() <= text.size(), "a header longer than its bytes");
  boost::beast::http::request_parser<GrowingBody> parser;
  parser.header_limit(16 << 10);
  parser.body_limit(max_body_bytes);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(text.data(), at_once.size()), error);
  if (error) return;
  fuzz::expect(parser.is_header_done(), "a whole header of which something is missing");
  read_or_answer([&] {
    check_request(parser.get(), "");
    const RequestFields fields = request_fields(parser.get());
    fuzz::expect(fields.json_bytes >= RequestFields::absent, "a negative length");
  });
  shows_token(text, "0123456789abcdef");
}

enum class Body { infer, predict, binary, raw };

void read_body(const std::string& text, Body kind) {
  const ModelInfo info = small_model();
  RequestParser parser(max_body_bytes);
  const auto parse = [&] {
    if (kind == Body::predict) return parser.predict(text, info);
    if (kind == Body::infer) return parser.infer(text, info);
    if (kind == Body::raw) return parser.infer(text, info, 0);
    // The JSON ends where its last brace is, or a little off.
    const size_t end = text.rfind('}');
    const auto json_bytes =
        static_cast<int64_t>(end == std::string::npos ? text.size() + 1 : end + 1);
    return parser.infer(text, info, json_bytes);
  };
  read_or_answer([&] {
    const Inference inference = parse();
    fuzz::expect(inference.images.size() == static_cast<size_t>(inference.n) * info.image_bytes(),
                 "images that are not of the model");
  });
}

void read_order(const std::string& text) {
  read_or_answer([&] { fuzz::expect(version_to_load(text) >= 0, "a negative version"); });
  read_or_answer([&] { check_unload(text); });
  read_or_answer([&] { wants_ready_only(text); });
}

void unpack(const std::string& text) {
  for (const Encoding encoding : {Encoding::gzip, Encoding::deflate}) {
    read_or_answer([&] {
      fuzz::expect(decompress(text, encoding, max_body_bytes).size() <= max_body_bytes,
                   "more than was allowed");
    });
  }
  accepted_encoding(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text = fuzz::as_text({data + 1, size - 1});
  switch (data[0]) {
    case 't':
      read_target(text);
      break;
    case 'h':
      read_header(text);
      break;
    case 'p':
      read_body(text, Body::predict);
      break;
    case 'b':
      read_body(text, Body::binary);
      break;
    case 'r':
      read_body(text, Body::raw);
      break;
    case 'o':
      read_order(text);
      break;
    case 'z':
      unpack(text);
      break;
    default:
      read_body(text, Body::infer);
  }
  return 0;
}
