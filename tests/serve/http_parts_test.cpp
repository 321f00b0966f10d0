// The pure parts of the front door: token, header scan, framing, head of an answer, access line.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/beast/http/parser.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "serve/http/access_log.hpp"
#include "serve/http/answer_head.hpp"
#include "serve/http/growing_body.hpp"
#include "serve/http/header_scan.hpp"
#include "serve/http/request_check.hpp"
#include "serve/http/token.hpp"
#include "serve/protocol/request_error.hpp"
#include "temporary_folder.hpp"

namespace podium::serve {
namespace {

namespace fs = std::filesystem;
using Result = HeaderScan::Result;

class HttpParts : public testing::Test {
 protected:
  fs::path file(const std::string& name) const { return folder_.path() / name; }

  void write(const std::string& name, const std::string& text, fs::perms mode) const {
    std::ofstream(file(name)) << text;
    fs::permissions(file(name), mode);
  }

  // The lines of a file of JSON lines.
  std::vector<nlohmann::json> lines_of(const std::string& name) const {
    std::vector<nlohmann::json> lines;
    std::ifstream stream(file(name));
    for (std::string line; std::getline(stream, line);)
      lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  podium::test::TemporaryFolder folder_;
};

constexpr auto secret_mode = fs::perms::owner_read | fs::perms::owner_write;

TEST_F(HttpParts, AllWhoTakeATokenAtOnceTakeTheSame) {
  std::vector<std::string> tokens(8);
  std::vector<std::thread> ranks;
  for (std::string& token : tokens) {
    ranks.emplace_back([&token, this] { token = take_token(file("run/serve.token")); });
  }
  for (std::thread& rank : ranks) rank.join();
  EXPECT_EQ(tokens.front().size(), 64U);
  for (const std::string& token : tokens) EXPECT_EQ(token, tokens.front());
  EXPECT_EQ(fs::status(file("run/serve.token")).permissions(), secret_mode);
  EXPECT_EQ(std::distance(fs::directory_iterator(file("run")), fs::directory_iterator()), 1);
  EXPECT_EQ(take_token(file("run/serve.token")), tokens.front());
  EXPECT_NE(take_token(file("other.token")), tokens.front());
}

TEST_F(HttpParts, ATokenThatIsNoSecretIsRefused) {
  write("open", "0123456789abcdef\n", secret_mode | fs::perms::group_read);
  write("short", "0123456789abcde\n", secret_mode);
  write("odd", "0123456789abcdef\r\nX: y\n", secret_mode);
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  fs::create_symlink("nowhere", file("link"));
  for (const char* name : {"open", "short", "odd", "pipe", "link"}) {
    try {
      take_token(file(name));
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage) << error.what();
    }
  }
  try {
    take_token("/proc/nowhere/token");
    ADD_FAILURE() << "a token where no file can be";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::io) << error.what();
  }
  write("given", "0123456789abcdef\n", secret_mode);
  EXPECT_EQ(take_token(file("given")), "0123456789abcdef");
}

TEST(ShowsToken, OnlyTheWholeToken) {
  EXPECT_TRUE(shows_token("Bearer abcd", "abcd"));
  EXPECT_TRUE(shows_token("bearer abcd", "abcd"));
  for (const char* wrong : {"", "abcd", "Bearer", "Bearer abc", "Bearer abcde", "Bearer abce",
                            "Bearer  abcd", "Basic abcd", "Bearer ABCD"}) {
    EXPECT_FALSE(shows_token(wrong, "abcd")) << wrong;
  }
}

TEST(HeaderScan, FindsTheEndWhereverTheBytesAreCut) {
  const std::string header = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (size_t cut = 0; cut < header.size(); ++cut) {
    HeaderScan scan;
    EXPECT_EQ(scan.scan(std::string_view(header).substr(0, cut)), Result::incomplete) << cut;
    EXPECT_EQ(scan.scan(header + "body\n"), Result::whole) << cut;
    EXPECT_EQ(scan.size(), header.size());
  }
}

TEST(HeaderScan, RefusesWhatOthersMightReadInAnotherWay) {
  const std::vector<std::pair<Result, std::string>> cases = {
      {Result::bare_line_end, "GET / HTTP/1.1\nHost: x\r\n\r\n"},
      {Result::bare_line_end, "GET / HTTP/1.1\r\nHost: x\n\r\n"},
      {Result::bare_line_end, "GET / HTTP/1.1\r\nHost: x\r\n\n"},
      {Result::bare_line_end, "GET / HTTP/1.1\r\nHost: x\ry: z\r\n\r\n"},
      {Result::bare_line_end, "GET / HTTP/1.1\r\r\n\r\n"},
      {Result::folded, "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"},
      {Result::folded, "GET / HTTP/1.1\r\n\tHost: x\r\n\r\n"},
      {Result::null_byte, std::string("GET /\0 HTTP/1.1\r\n\r\n", 19)},
  };
  for (const auto& [result, text] : cases) {
    HeaderScan scan;
    EXPECT_EQ(scan.scan(text), result) << text;
    EXPECT_STRNE(to_string(result), "");
  }
}

// The status by which a header is refused; 200 for none.
int checked(const std::string& headers, const std::string& first = "POST /predict HTTP/1.1",
            const std::string& token = "") {
  boost::beast::http::request_parser<GrowingBody> parser;
  boost::system::error_code error;
  const std::string text = first + "\r\n" + headers + "\r\n";
  parser.put(boost::asio::buffer(text), error);
  if (error) return 400;
  try {
    check_request(parser.get(), token);
  } catch (const RequestError& refusal) {
    return refusal.status();
  }
  return 200;
}

TEST(RequestCheck, ABodyHasOneLength) {
  EXPECT_EQ(checked("Content-Length: 5\r\n"), 200);
  EXPECT_EQ(checked("Transfer-Encoding: chunked\r\n"), 200);
  for (const char* twofold :
       {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n", "Host: a\r\nHost: b\r\n"}) {
    EXPECT_EQ(checked(twofold), 400) << twofold;
  }
  EXPECT_EQ(checked("Transfer-Encoding: chunked\r\n", "POST /predict HTTP/1.0"), 400);
  EXPECT_EQ(checked("Expect: 100-Continue\r\n"), 200);
  EXPECT_EQ(checked("Expect: wonders\r\n"), 417);
}

TEST(RequestCheck, AllButHealthAsksForTheToken) {
  const std::string token = "Authorization: Bearer abcd\r\n";
  EXPECT_EQ(checked(token, "POST /predict HTTP/1.1", "abcd"), 200);
  EXPECT_EQ(checked(token + token, "POST /predict HTTP/1.1", "abcd"), 401);
  EXPECT_EQ(checked(token, "POST /predict HTTP/1.1", "abce"), 401);
  for (const char* open : {"/v2/health/live", "/v2/health/ready", "/v2/health/live?x"}) {
    EXPECT_EQ(checked("", std::string("GET ") + open + " HTTP/1.1", "abcd"), 200) << open;
  }
  for (const char* closed : {"/v2", "/", "/metrics", "/v2/health/live/", "//v2/health/live",
                             "/v2/health/../models", "/v2?/v2/health/live"}) {
    EXPECT_EQ(checked("", std::string("GET ") + closed + " HTTP/1.1", "abcd"), 401) << closed;
  }
}

TEST(AnswerHead, SaysHowTheConnectionGoesOn) {
  HttpAnswer answer;
  answer.status = 429;
  answer.body = "{}";
  answer.retry_after_s = 3;
  std::string head;
  write_answer_head(answer, After::keep, &head);
  EXPECT_EQ(head,
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\nRetry-After: 3\r\n\r\n");
  answer = {};
  answer.status = 401;
  write_answer_head(answer, After::close, &head);
  EXPECT_NE(head.find("\r\nWWW-Authenticate: Bearer realm=\"podium\"\r\nConnection: close\r\n\r\n"),
            std::string::npos);
}

TEST(AccessLine, HoldsWhateverAClientSent) {
  Access access;
  access.path = "/\"\\\x01\xff<";
  access.status = 404;
  access.milliseconds = 1.23456;
  const auto line = nlohmann::json::parse("{" + to_line(access));
  EXPECT_EQ(line.at("path"), "/\"\\\x01\u00ff<");
  EXPECT_EQ(line.at("ms"), 1.235);
  EXPECT_FALSE(line.contains("replica"));
}

TEST_F(HttpParts, AnAccessLogThatWasMovedIsMadeAnew) {
  Access access;
  access.status = 200;
  {
    AccessLog log(file("log").string(), Log(LogLevel::error, "test"));
    log.record(access);
    const Deadline soon(std::chrono::seconds(20));
    while (lines_of("log").empty() && !soon.expired()) std::this_thread::yield();
    fs::rename(file("log"), file("log.1"));
    access.status = 404;
    log.record(access);
  }
  ASSERT_EQ(lines_of("log.1").size(), 1U);
  ASSERT_EQ(lines_of("log").size(), 1U);
  EXPECT_EQ(lines_of("log")[0].at("status"), 404);
  EXPECT_EQ(fs::status(file("log")).permissions(), secret_mode);
}

TEST_F(HttpParts, AFullDiskCostsLinesAndNothingElse) {
  AccessLog log("/dev/full", Log(LogLevel::error, "test"));
  for (int i = 0; i < 1000; ++i) log.record({});
  EXPECT_THROW(AccessLog(file("no/such/folder").string(), Log()), Error);
}

}  // namespace
}  // namespace podium::serve
