// Requests as they are written, for tests that say what no client would.
#pragma once

#include <cstddef>
#include <string>

namespace podium::serve::test {

// Inference of one tensor: {"inputs":[{"name":"image","datatype":...,"shape":[SHAPE],REST}]MORE}
inline std::string tensor_text(const std::string& datatype, const std::string& shape,
                               const std::string& rest, const std::string& more = "") {
  return R"({"inputs":[{"name":"image","datatype":")" + datatype + R"(","shape":[)" + shape + "]," +
         rest + "}]" + more + "}";
}

// The same with `numbers` as its data.
inline std::string numbers_text(const std::string& datatype, const std::string& shape,
                                const std::string& numbers, const std::string& more = "") {
  return tensor_text(datatype, shape, R"("data":[)" + numbers + "]", more);
}

// The same with so many bytes behind it.
inline std::string binary_text(const std::string& datatype, const std::string& shape, size_t bytes,
                               const std::string& more = "") {
  const std::string size = std::to_string(bytes);
  return tensor_text(datatype, shape, R"("parameters":{"binary_data_size":)" + size + "}", more);
}

// A POST with these headers, each with its end, and with no others: nobody looks after the length.
inline std::string post_as_told(const std::string& headers, const std::string& body,
                                const std::string& path = "/v2/models/bands/infer") {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}

// The same with a Content-Length.
inline std::string post_text(const std::string& headers, const std::string& body,
                             const std::string& path = "/v2/models/bands/infer") {
  const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return post_as_told(headers + length, body, path);
}

}  // namespace podium::serve::test
