// What the front door asks of its clients: the token, TLS, bodies at a speed, a share of
// connections.
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>

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

  // A certificate for `name`, signed by its own key: NAME.crt and NAME.key.
  void make_certificate(const std::string& name) const {
    using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
    using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
    struct Close {
      void operator()(std::FILE* file) const { std::fclose(file); }
    };
    using File = std::unique_ptr<std::FILE, Close>;
    const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const Certificate certificate(X509_new(), X509_free);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    const File crt(std::fopen(path(name + ".crt").c_str(), "w"));
    ASSERT_EQ(PEM_write_X509(crt.get(), certificate.get()), 1);
    const File pem(std::fopen(path(name + ".key").c_str(), "w"));
    ASSERT_EQ(PEM_write_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  ServiceOptions with_tls(const std::string& certificate, const std::string& key) const {
    ServiceOptions tls = options();
    tls.tls_certificate = path(certificate);
    tls.tls_key = path(key);
    return tls;
  }

  void expect_usage_error(const ServiceOptions& wrong) {
    try {
      start(wrong);
      ADD_FAILURE() << wrong.tls_certificate << " " << wrong.tls_key;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage) << error.what();
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
  expect_usage_error(with_tls("one.crt", "two.key"));
  expect_usage_error(with_tls("none.crt", "one.key"));
  expect_usage_error(with_tls("one.crt", "none.key"));
  expect_usage_error(with_tls("one.key", "one.key"));
  ServiceOptions half = options();
  half.tls_certificate = path("one.crt");
  expect_usage_error(half);
}

TEST_F(FrontDoorTest, OneClientCannotTakeEveryConnection) {
  ServiceOptions few = options();
  few.max_connections_per_client = 2;
  start_serving(few);
  std::vector<std::unique_ptr<RawConnection>> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(std::make_unique<RawConnection>(service_->port()));
    held.back()->send("GET /v2 HTTP/1.1\r\n\r\n");
    held.back()->read_until("podium");
  }
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
