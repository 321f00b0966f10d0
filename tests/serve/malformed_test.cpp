// Bytes that are not HTTP, or HTTP that means harm: the right 4xx, and nobody else is disturbed.
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <thread>

#include "load.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class Malformed : public ServiceTest {
 protected:
  // Sends `bytes` and ends; returns the status of the answer, 0 for none.
  int status_of(const std::string& bytes) {
    RawConnection connection(service_->port());
    connection.send(bytes);
    connection.end_sending();
    return connection.status_at_end();
  }
};

TEST_F(Malformed, EveryMistakeHasItsStatus) {
  start_serving(options(), "shift 1");
  Load others(service_->port(), 1);
  const std::string good = infer_text(image_of_band(1));
  const std::string length = "Content-Length: " + std::to_string(good.size()) + "\r\n";
  const std::vector<std::pair<int, std::string>> cases = {
      {400, "nonsense\r\n\r\n"},
      {400, std::string("\0\1\2\3\4\5\6\7\r\n\r\n", 12)},
      {400, "GET /v2\r\n\r\n"},
      {400, "GET /v2 HTTP/9.9\r\n\r\n"},
      {400, "GET /v2 HTTP/1.1\r\nno colon\r\n\r\n"},
      {400, post_as_told("Content-Length: -1\r\n", "")},
      {400, post_as_told("Content-Length: abc\r\n", "")},
      {400, post_as_told("Content-Length: 99999999999999999999999\r\n", "")},
      {400, post_as_told("Transfer-Encoding: chunked\r\n", "zz\r\n")},
      {400, post_as_told("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n")},
      {413, post_as_told("Content-Length: 99999999999\r\n", "")},
      {413, post_as_told("Transfer-Encoding: chunked\r\n", "7fffffff\r\n")},
      {431, post_as_told("X: " + std::string(20'000, 'x') + "\r\n", "")},
      {400, post_as_told("Content-Length: 5\r\n", "[[[[[")},
      {400, post_as_told("Content-Length: 2\r\n", "{}")},
      {400, post_as_told("", "")},
      {400, post_as_told("Podium-Priority: 10\r\n" + length, good)},
      {0, post_as_told("Content-Length: 50\r\n", "{\"cut")},  // nobody is left to answer
      {0, "GET /v2 HT"},
      {405, "PUT /v2 HTTP/1.1\r\n\r\n"},
      {405, "HEAD /predict HTTP/1.1\r\n\r\n"},
      {405, "BREW /v2 HTTP/1.1\r\n\r\n"},
      {404, "GET http://elsewhere/ HTTP/1.1\r\n\r\n"},
      {404, "GET /v2/models/../../../etc/passwd HTTP/1.1\r\n\r\n"},
      {404, "GET /v2/models/%2e%2e/ready HTTP/1.1\r\n\r\n"},
      {200, "GET /v2 HTTP/1.0\r\n\r\n"},
      {200, post_as_told(length, good)},
      {200, post_as_told("Transfer-Encoding: chunked\r\n",
                         [&] {
                           std::ostringstream chunked;
                           chunked << std::hex << good.size() << "\r\n" << good << "\r\n0\r\n\r\n";
                           return chunked.str();
                         }())},
  };
  for (const auto& [status, bytes] : cases) {
    EXPECT_EQ(status_of(bytes), status) << bytes.substr(0, 120);
  }
  others.stop();
  EXPECT_EQ(others.complaints(), std::vector<std::string>{});
  EXPECT_EQ(service_->stats().restarts, 0);
}

TEST_F(Malformed, PipelinedRequestsAreAnsweredInOrder) {
  start_serving(options());
  RawConnection connection(service_->port());
  connection.send(
      "GET /v2/health/live HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n"
      "GET /v2/health/ready HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(connection.status_at_end(), 200);
  const std::string all = connection.read_until("no more");
  const size_t live = all.find("\"live\""), missing = all.find("404"),
               ready = all.find("\"ready\"");
  EXPECT_TRUE(live < missing && missing < ready && ready != std::string::npos) << all;
}

// All that follows the large body arrives in a few reads.
TEST_F(Malformed, AFloodOfPipelinedRequestsIsAnswered) {
  constexpr int count = 4000;
  start_serving(options());
  RawConnection connection(service_->port());
  std::string flood = "POST /nothing HTTP/1.1\r\nContent-Length: 40000\r\n\r\n";
  flood.append(40'000, 'x');
  for (int i = 0; i < count; ++i) flood += "GET /v2/health/live HTTP/1.1\r\n\r\n";
  const std::jthread sender([&] { connection.send(flood); });
  EXPECT_EQ(connection.take_answer(), 404);
  int alive = 0;
  while (alive < count && connection.take_answer() == 200) ++alive;
  EXPECT_EQ(alive, count);
}

// The answers of a client that does not read fill its socket; then it reads.
TEST_F(Malformed, AnswersThatASocketCannotHoldArriveWhole) {
  constexpr int count = 24;
  start_serving(options());
  const std::string images(size_t{4096} * image_bytes, '\x01');
  const std::string json =
      R"({"inputs":[{"name":"image","datatype":"UINT8","shape":[4096,20,10,1],"parameters":)"
      R"({"binary_data_size":)" +
      std::to_string(images.size()) + "}}]}";
  const std::string request = post_as_told(
      "Inference-Header-Content-Length: " + std::to_string(json.size()) +
          "\r\nContent-Length: " + std::to_string(json.size() + images.size()) + "\r\n",
      json + images);
  RawConnection connection(service_->port());
  const std::jthread sender([&] {
    for (int i = 0; i < count; ++i) connection.send(request);
  });
  EXPECT_TRUE(eventually([&] { return service_->stats().requests >= 4; }));
  int whole = 0;
  while (whole < count && connection.take_answer() == 200) ++whole;
  EXPECT_EQ(whole, count);
}

TEST_F(Malformed, ClientsThatAskBeforeTheySendAreToldToGoOn) {
  start_serving(options());
  const std::string body = infer_text(image_of_band(1));
  RawConnection connection(service_->port());
  connection.send(post_as_told(
      "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", ""));
  EXPECT_EQ(connection.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.send(body);
  EXPECT_NE(connection.read_until("\"bands\"").find("200 OK"), std::string::npos);
}

TEST_F(Malformed, SlowClientsAreCutOff) {
  ServiceOptions strict = options();
  strict.header_timeout = strict.body_timeout = strict.idle_timeout = 100ms;
  start_serving(strict);
  RawConnection slow_header(service_->port());
  slow_header.send("GET /v2 HTT");
  RawConnection slow_body(service_->port());
  slow_body.send(post_as_told("Content-Length: 100\r\n", "{"));
  RawConnection idle(service_->port());
  for (RawConnection* connection : {&slow_header, &slow_body, &idle}) {
    EXPECT_EQ(connection->status_at_end(), 0);
    EXPECT_TRUE(connection->closed());
  }
}

TEST_F(Malformed, TooManyConnectionsGet503) {
  ServiceOptions few = options();
  few.max_connections = 2;
  start_serving(few);
  auto held = kept_connections(2);
  RawConnection third(service_->port());
  EXPECT_NE(third.read_until("too many connections").find("503"), std::string::npos);
  held.clear();
  EXPECT_TRUE(eventually([&] { return status_of("GET /v2 HTTP/1.0\r\n\r\n") == 200; }));
}

}  // namespace
}  // namespace podium::serve::test
