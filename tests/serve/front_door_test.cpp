// What the front door asks of its clients: the token, TLS, bodies at a speed, a share of
// connections.
#include "certificate.hpp"
#include "core/error.hpp"
#include "raw_connection.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

const std::string secret = "0123456789abcdef0123456789abcdef";

class FrontDoorTest : public ServiceTest {
 protected:
  Client client_with(const Credentials& credentials) const {
    return {"127.0.0.1", service_->port(), 20s, credentials};
  }

  void make_certificate(const std::string& name) const {
    test::make_certificate(folder_.path(), name);
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  ServiceOptions with_tls(const std::string& certificate, const std::string& key) const {
    ServiceOptions tls = options();
    tls.tls_certificate = path(certificate);
    tls.tls_key = path(key);
    return tls;
  }

  // What a service says that is started so; `done` if it starts.
  ExitCode refusal(const ServiceOptions& wrong) {
    try {
      start(wrong);
      return ExitCode::done;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(folder_.path().string()), std::string::npos)
          << error.what();
      return error.code();
    }
  }
};

TEST_F(FrontDoorTest, AnswersWhoShowsTheToken) {
  ServiceOptions guarded = options();
  guarded.token = secret;
  start_serving(guarded);
  Credentials credentials;
  credentials.token = secret;
  Client friendly = client_with(credentials);
  EXPECT_EQ(infer(friendly, image_of_band(3)).classes.at(0), 3);
  Client stranger = client();
  EXPECT_EQ(get(stranger, "/v2/models/bands").status, 401);
  EXPECT_EQ(get(stranger, "/v2/health/live").status, 200);
  EXPECT_EQ(get(stranger, "/v2/health/ready").status, 200);
  credentials.token.back() = 'e';
  Client liar = client_with(credentials);
  EXPECT_THROW(infer(liar, image_of_band(3)), Error);
}

TEST_F(FrontDoorTest, AStrangersBodyIsNotRead) {
  ServiceOptions guarded = options();
  guarded.token = secret;
  start_serving(guarded);
  RawConnection stranger(service_->port());
  stranger.send("POST /predict HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n{");
  const std::string answer = stranger.read_until("no more");
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 401");
  EXPECT_NE(answer.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_TRUE(stranger.closed());
}

TEST_F(FrontDoorTest, SpeaksTlsToWhoTrustsIt) {
  make_certificate("localhost");
  make_certificate("other");
  start_serving(with_tls("localhost.crt", "localhost.key"));
  Credentials trusting;
  trusting.tls = true;
  trusting.trusted = path("localhost.crt");
  Client by_name("localhost", service_->port(), 20s, trusting);
  EXPECT_EQ(infer(by_name, image_of_band(3)).classes.at(0), 3);
  EXPECT_EQ(infer(by_name, image_of_band(4)).classes.at(0), 4);
  Client by_address = client_with(trusting);
  EXPECT_THROW(infer(by_address, image_of_band(3)), Error);
  trusting.any_name = true;
  Client of_the_job = client_with(trusting);
  EXPECT_EQ(infer(of_the_job, image_of_band(3)).classes.at(0), 3);
  trusting.trusted = path("other.crt");
  Client suspicious = client_with(trusting);
  EXPECT_THROW(infer(suspicious, image_of_band(3)), Error);
  RawConnection plain(service_->port());
  plain.send("GET /v2 HTTP/1.1\r\n\r\n");
  EXPECT_EQ(plain.status_at_end(), 0);
  EXPECT_EQ(infer(of_the_job, image_of_band(5)).classes.at(0), 5);
}

TEST_F(FrontDoorTest, TlsFilesThatDoNotServeAreRefused) {
  make_certificate("one");
  make_certificate("two");
  EXPECT_EQ(refusal(with_tls("one.crt", "two.key")), ExitCode::usage);
  EXPECT_EQ(refusal(with_tls("one.key", "one.key")), ExitCode::usage);
  EXPECT_EQ(refusal(with_tls("none.crt", "one.key")), ExitCode::io);
  EXPECT_EQ(refusal(with_tls("one.crt", "none.key")), ExitCode::io);
  EXPECT_EQ(refusal(with_tls("one.crt", ".")), ExitCode::io);
  ServiceOptions half = options();
  half.tls_certificate = path("one.crt");
  EXPECT_THROW(start(half), Error);
  Credentials trusting;
  trusting.tls = true;
  trusting.trusted = path("none.crt");
  try {
    Client("127.0.0.1", 1, 20s, trusting);
    ADD_FAILURE() << "certificates that are not there are trusted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::io) << error.what();
  }
}

TEST_F(FrontDoorTest, OneClientCannotTakeEveryConnection) {
  ServiceOptions few = options();
  few.max_connections_per_client = 2;
  start_serving(few);
  const auto held = kept_connections(2);
  RawConnection third(service_->port());
  EXPECT_NE(third.read_until("too many connections").find("503"), std::string::npos);
  RawConnection neighbour(service_->port(), "127.0.0.2");
  neighbour.send("GET /v2 HTTP/1.1\r\n\r\n");
  EXPECT_NE(neighbour.read_until("podium").find("200"), std::string::npos);
}

TEST_F(FrontDoorTest, WhoTricklesIsCutOffThoughBytesKeepComing) {
  ServiceOptions strict = options();
  strict.header_timeout = strict.body_timeout = 200ms;
  start_serving(strict);
  for (const char* beginning :
       {"GET /v2 HTTP/1.1\r\n", "POST /predict HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"}) {
    RawConnection slow(service_->port());
    slow.send(beginning);
    const Deadline late(20s);
    while (!slow.closed() && !late.expired()) {
      slow.send("x");
      slow.read_for(20ms);
    }
    EXPECT_TRUE(slow.closed()) << beginning;
  }
}

TEST_F(FrontDoorTest, EveryAnswerIsInTheAccessLog) {
  ServiceOptions logging = options();
  logging.access_log = path("access");
  start_serving(logging);
  Client someone = client();
  infer(someone, image_of_band(3));
  get(someone, "/no/such/path");
  RawConnection broken(service_->port());
  broken.send("nonsense\r\n\r\n");
  broken.status_at_end();
  service_.reset();
  std::vector<Json> lines;
  std::ifstream stream(path("access"));
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].at("method"), "POST");
  EXPECT_EQ(lines[0].at("path"), "/v2/models/bands/infer");
  EXPECT_EQ(lines[0].at("status"), 200);
  EXPECT_EQ(lines[0].at("version"), 1);
  EXPECT_EQ(lines[0].at("replica").get<std::string>().substr(0, 8), "replica-");
  EXPECT_GT(lines[0].at("ms"), 0);
  EXPECT_GT(lines[0].at("request_bytes"), 0);
  EXPECT_EQ(lines[1].at("status"), 404);
  EXPECT_EQ(lines[2].at("status"), 400);
  EXPECT_EQ(lines[2].at("client").get<std::string>().substr(0, 10), "127.0.0.1:");
}

}  // namespace
}  // namespace podium::serve::test
