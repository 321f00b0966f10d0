// HostileRequests: request number N of a stranger who means harm, the same on every machine, and
// the answers that it may get.
//
// Of each kind of harm there is a family; numbers and texts in it are drawn by the request's
// number. Part of the tests of serving: the model is that of region_predictor.hpp.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "region_predictor.hpp"
#include "request_text.hpp"

namespace podium::serve::test {

struct HostileRequest {
  std::string bytes;
  std::vector<int> statuses;  // that are right; 0: the connection is closed without an answer
  bool ends = false;          // the client sends no more
};

class HostileRequests {
 public:
  HostileRequest request(uint64_t number) const {
    Random random(number);
    switch (number % 10) {
      case 0:
        return request_line(random);
      case 1:
        return header_lines(random);
      case 2:
        return lengths(random);
      case 3:
        return chunks(random);
      case 4:
        return paths(random);
      case 5:
        return {post_text("", infer(shape(random), "1")), {400}};
      case 6:
        return {post_text("", infer("1,20,10,1", data(random))), {400}};
      case 7:
        return documents(random);
      case 8:
        return binary(random);
      default:
        return changed(random);
    }
  }

 private:
  template <size_t N>
  static std::string one_of(const std::array<const char*, N>& texts, Random& random) {
    return texts[random.below(N)];
  }

  static std::string garbage(Random& random, size_t most) {
    std::string text(1 + random.below(most), '\0');
    for (char& letter : text) letter = static_cast<char>(random.below(256));
    return text;
  }

  static std::string infer(const std::string& shape, const std::string& numbers) {
    return numbers_text("FP32", shape, numbers);
  }
  static std::string numbers(size_t count, const std::string& number) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + number;
    return text;
  }

  static HostileRequest request_line(Random& random) {
    constexpr std::array<const char*, 8> lines = {"GET",
                                                  "GET /v2",
                                                  "GET  /v2 HTTP/1.1",
                                                  "GET /v2 HTTP/1.2",
                                                  "GET /v2 HTTP/2.0",
                                                  "G\x01T /v2 HTTP/1.1",
                                                  "GET /v2 http/1.1",
                                                  "GET /v2 HTTP/1.1 "};
    if (random.below(2) == 0) return {one_of(lines, random) + "\r\nHost: x\r\n\r\n", {400}};
    return {garbage(random, 200) + "\r\n\r\n", {400}};
  }

  static HostileRequest header_lines(Random& random) {
    constexpr std::array<const char*, 10> lines = {"no colon\r\n",
                                                   " : x\r\n",
                                                   "Folded: a\r\n b\r\n",
                                                   "Bare: a\n",
                                                   "Bare: a\rb: c\r\n",
                                                   "Space : a\r\n",
                                                   "Con\x7ftrol: a\r\n",
                                                   "Host: a\r\nHost: b\r\n",
                                                   "(x): y\r\n",
                                                   "Value: a\x01"
                                                   "b\r\n"};
    if (random.below(20) == 0) {
      return {post_as_told("X: " + std::string(17'000 + random.below(50'000), 'x') + "\r\n", ""),
              {431}};
    }
    return {post_as_told(one_of(lines, random) + "Content-Length: 0\r\n", ""), {400}};
  }

  static HostileRequest lengths(Random& random) {
    constexpr std::array<const char*, 9> lines = {
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"};
    if (random.below(8) == 0) {
      const uint64_t huge = (uint64_t{1} << 27) + random.below(uint64_t{1} << 62);
      return {post_as_told("Content-Length: " + std::to_string(huge) + "\r\n", ""), {413}};
    }
    if (random.below(8) == 0) {  // nobody is left to answer
      return {
          post_as_told("Content-Length: " + std::to_string(2 + random.below(1000)) + "\r\n", "{"),
          {0},
          true};
    }
    return {post_as_told(one_of(lines, random), "{}{}{}"), {400}};
  }

  static HostileRequest chunks(Random& random) {
    constexpr std::array<const char*, 8> bodies = {"zz\r\n",
                                                   "-1\r\n",
                                                   "fffffffffffffffff\r\n",
                                                   "5\n{}   \r\n0\r\n\r\n",
                                                   "5\r\n{}   x\r\n0\r\n\r\n",
                                                   "\r\n\r\n",
                                                   " 5\r\n{}   \r\n0\r\n\r\n",
                                                   "5;\x01\r\n{}   \r\n0\r\n\r\n"};
    constexpr std::array<const char*, 4> encodings = {"gzip, chunked", "chunked, gzip", "identity",
                                                      "xchunked"};
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    switch (random.below(4)) {
      case 0:
        return {
            post_as_told("Transfer-Encoding: " + one_of(encodings, random) + "\r\n", "0\r\n\r\n"),
            {400}};
      case 1:
        return {post_as_told(chunked, "7fffffff\r\n"), {413}};
      case 2:
        return {post_as_told(chunked, "1;" + std::string(40'000, 'x')), {400, 413, 431}, true};
      default:
        return {post_as_told(chunked, one_of(bodies, random)), {400}, true};
    }
  }

  static HostileRequest paths(Random& random) {
    constexpr std::array<const char*, 9> missing = {"/",
                                                    "/etc/passwd",
                                                    "/v2/models/../../../etc/passwd",
                                                    "/v2/models/%2e%2e%2f/ready",
                                                    "/v2/models//ready",
                                                    "/v2/models/bands/versions/-1/ready",
                                                    "/v2/models/bands/versions/99999999999",
                                                    "http://elsewhere/v2",
                                                    "/v2/models/bands/versions/1/../../x"};
    constexpr std::array<const char*, 4> methods = {"PUT", "DELETE", "BREW", "OPTIONS"};
    if (random.below(2) == 0) {
      return {"GET " + one_of(missing, random) + " HTTP/1.1\r\nHost: x\r\n\r\n", {404}};
    }
    return {one_of(methods, random) + " /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n", {405}};
  }

  static std::string shape(Random& random) {
    constexpr std::array<const char*, 12> shapes = {"-1,20,10,1",
                                                    "9223372036854775807,20,10,1",
                                                    "9223372036854775808,20,10,1",
                                                    "1,20,10,-1",
                                                    "0,20,10,1",
                                                    "1,20,10,1,1",
                                                    "",
                                                    "1",
                                                    "4294967297,200",
                                                    "1e9,200",
                                                    "null,200",
                                                    "92233720368547759,200"};
    return one_of(shapes, random);
  }

  static std::string data(Random& random) {
    constexpr std::array<const char*, 10> wrong = {
        "NaN", "-1", "256", "1e999", "-Infinity", "null", "\"1\"", "18446744073709551615",
        "{}",  "01"};
    if (random.below(3) == 0) return numbers(1 + random.below(199), "7");
    if (random.below(3) == 0) return numbers(201 + random.below(3000), "7");
    return numbers(199, "7") + "," + one_of(wrong, random);
  }

  static HostileRequest documents(Random& random) {
    if (random.below(3) == 0) {
      return {post_text("", std::string(1 + random.below(20'000), "[{\""[random.below(3)])), {400}};
    }
    if (random.below(2) == 0) return {post_text("", garbage(random, 2000)), {400}};
    const std::string whole = infer("1,200", numbers(200, "7"));
    return {post_text("", whole.substr(0, 1 + random.below(whole.size() - 1))), {400}};
  }

  static HostileRequest binary(Random& random) {
    constexpr std::array<const char*, 5> lengths = {"-1", "x", "18446744073709551616", "1e3", ""};
    const std::string name = "Inference-Header-Content-Length: ";
    switch (random.below(3)) {
      case 0:
        return {post_text(name + one_of(lengths, random) + "\r\n", "{}"), {400}};
      case 1:
        return {post_text(name + std::to_string(3 + random.below(1'000'000'000)) + "\r\n", "{}"),
                {400}};
      default:
        return {post_text(std::string("Content-Encoding: ") +
                              (random.below(2) == 0 ? "gzip" : "deflate") + "\r\n",
                          "\x1f\x8b\x08" + garbage(random, 500)),
                {400, 413}};
    }
  }

  // A sound request with some bytes changed: it may still be sound, but it breaks nothing.
  static HostileRequest changed(Random& random) {
    std::string bytes = post_text("Connection: close\r\n", infer("1,200", numbers(200, "7")));
    for (uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    return {bytes, {0, 200, 400, 404, 405, 411, 413, 415, 417, 431}, true};
  }
};

}  // namespace podium::serve::test
