// Requests of a load, as the bytes that travel. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace podium::bench {

struct PostHeaders {
  std::string host = {};  // HOST:PORT
  std::string path = {};
  std::string content_type = "application/json";
  std::string token = {};  // of Authorization: Bearer; empty: none
  std::string more = {};   // further header lines, each with its end
};

// POST of `body` over HTTP/1.1, the connection being kept.
std::string post(const PostHeaders& headers, std::string_view body);

// Images of a model that it is asked about.
struct AskedImages {
  int n = 1;
  int height = 0;
  int width = 0;
  int channels = 0;

  size_t bytes() const { return static_cast<size_t>(n) * height * width * channels; }
};

// `count` requests to .../infer with made images [n,H,W,C], each others: numbers as JSON, or bytes
// behind the header (the binary tensor extension; the reply is asked for in binary, too).
std::vector<std::string> infer_requests(PostHeaders headers, const AskedImages& images, bool binary,
                                        int count);

}  // namespace podium::bench
