#include "bench/load/requests.hpp"

#include "core/random.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

std::string made_images(const AskedImages& images, uint64_t seed) {
  Random random(seed);
  std::string bytes(images.bytes(), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  return bytes;
}

std::string tensor_head(const AskedImages& images) {
  return R"({"inputs":[{"name":"image","datatype":"UINT8","shape":)" +
         format("[%d,%d,%d,%d]", images.n, images.height, images.width, images.channels);
}

std::string json_request(const PostHeaders& headers, const AskedImages& images,
                         std::string_view bytes) {
  std::string body = tensor_head(images) + R"(,"data":[)";
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) body += ',';
    body += std::to_string(static_cast<uint8_t>(bytes[i]));
  }
  return post(headers, body + "]}]}");
}

std::string binary_request(PostHeaders headers, const AskedImages& images, std::string_view bytes) {
  std::string body = tensor_head(images) + R"(,"parameters":{"binary_data_size":)" +
                     std::to_string(bytes.size()) +
                     R"(}}],"parameters":{"binary_data_output":true}})";
  headers.content_type = "application/octet-stream";
  headers.more += "Inference-Header-Content-Length: " + std::to_string(body.size()) + "\r\n";
  body += bytes;
  return post(headers, body);
}

}  // namespace

std::string post(const PostHeaders& headers, std::string_view body) {
  std::string text = "POST " + headers.path + " HTTP/1.1\r\nHost: " + headers.host +
                     "\r\nContent-Type: " + headers.content_type + "\r\n" + headers.more;
  if (!headers.token.empty()) text += "Authorization: Bearer " + headers.token + "\r\n";
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return text.append(body);
}

std::vector<std::string> infer_requests(PostHeaders headers, const AskedImages& images, bool binary,
                                        int count) {
  std::vector<std::string> requests;
  for (int i = 0; i < count; ++i) {
    const std::string bytes = made_images(images, static_cast<uint64_t>(i));
    requests.push_back(binary ? binary_request(headers, images, bytes)
                              : json_request(headers, images, bytes));
  }
  return requests;
}

}  // namespace podium::bench
