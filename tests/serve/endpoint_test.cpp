// Every endpoint and status over real sockets, and the balance between replicas.
#include <gtest/gtest.h>

#include <map>

#include "core/error.hpp"
#include "raw_connection.hpp"
#include "serve/protocol/compression.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class Endpoint : public ServiceTest {};

TEST_F(Endpoint, HealthAndMetadata) {
  start_serving(options());
  Client http = client();
  EXPECT_EQ(Json::parse(get(http, "/v2").body)["name"], "podium");
  EXPECT_EQ(get(http, "/v2/health/live").status, 200);
  EXPECT_EQ(get(http, "/v2/health/ready").status, 200);
  EXPECT_EQ(get(http, "/v2/models/bands/ready").status, 200);
  EXPECT_EQ(get(http, "/v2/models/bands/versions/1/ready").status, 200);
  EXPECT_EQ(get(http, "/v2/models/bands/versions/2/ready").status, 404);
  const HttpReply metadata = get(http, "/v2/models/bands/versions/1");
  EXPECT_EQ(metadata.status, 200);
  EXPECT_EQ(Json::parse(metadata.body)["inputs"][0]["shape"], Json({-1, 20, 10, 1}));
  EXPECT_TRUE(metadata.keep_alive);
}

TEST_F(Endpoint, ConfigurationNamesWhatMetadataName) {
  start_serving(options());
  Client http = client();
  const Json metadata = Json::parse(get(http, "/v2/models/bands").body);
  const Json config = Json::parse(get(http, "/v2/models/bands/config").body);
  EXPECT_EQ(config["name"], metadata["name"]);
  EXPECT_EQ(config["input"][0]["name"], metadata["inputs"][0]["name"]);
  for (int i : {0, 1}) EXPECT_EQ(config["output"][i]["name"], metadata["outputs"][i]["name"]);
  EXPECT_EQ(get(http, "/v2/models/bands/versions/2/config").status, 404);
}

TEST_F(Endpoint, StatisticsGrowOverAllReplicasAndVersions) {
  start_serving(options());
  Client http = client();
  const auto stats = [&](const std::string& path) {
    return Json::parse(get(http, path).body).at("model_stats");
  };
  EXPECT_EQ(stats("/v2/models/bands/versions/1/stats")[0]["inference_count"], 0);
  std::vector<uint8_t> three;
  for (int i = 0; i < 3; ++i) three.insert(three.end(), image_bytes, uint8_t(40 * i));
  for (int i = 0; i < 4; ++i) infer(http, three);
  http.request("POST", "/v2/models/bands/infer", "{}");
  const Json first = stats("/v2/models/bands/stats")[0];
  EXPECT_EQ(first["version"], "1");
  EXPECT_EQ(first["inference_count"], 12);
  EXPECT_EQ(first["execution_count"], 4);
  EXPECT_EQ(first["inference_stats"]["success"]["count"], 4);
  EXPECT_EQ(first["inference_stats"]["fail"]["count"], 1);
  EXPECT_GT(first["inference_stats"]["success"]["ns"], 0);
  ASSERT_TRUE(deploy(2, "shift 1").deployed);
  infer(http, three);
  const Json all = stats("/v2/models/stats");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1]["version"], "2");
  EXPECT_EQ(all[1]["inference_count"], 3);
  EXPECT_EQ(get(http, "/v2/models/bands/versions/3/stats").status, 404);
}

TEST_F(Endpoint, TheRepositoryHasOneModel) {
  start(options());
  Client http = client();
  const auto index = [&](const std::string& body) {
    return Json::parse(http.request("POST", "/v2/repository/index", body).body);
  };
  EXPECT_EQ(index("")[0]["state"], "UNAVAILABLE");
  EXPECT_EQ(index("")[0]["reason"], "no model is deployed yet");
  EXPECT_EQ(index(R"({"ready":true})"), Json::array());
  ASSERT_TRUE(deploy(1, "shift 0").deployed);
  EXPECT_EQ(index(R"({"ready":true})"),
            Json::parse(R"([{"name":"bands","version":"1","state":"READY","reason":""}])"));
  EXPECT_EQ(http.request("POST", "/v2/repository/index", R"({"ready":1})").status, 400);
}

TEST_F(Endpoint, InferAnswersInV2) {
  start_serving(options());
  Client http = client();
  const HttpReply reply = http.request("POST", "/v2/models/bands/versions/1/infer",
                                       infer_text(image_of_band(4), R"(,"id":"mine")"));
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json body = Json::parse(reply.body);
  EXPECT_EQ(body["id"], "mine");
  EXPECT_EQ(body["model_name"], "bands");
  EXPECT_EQ(body["model_version"], "1");
  EXPECT_EQ(body["outputs"][1]["data"], Json::array({4}));
  EXPECT_EQ(body["parameters"]["server_replica"].get<std::string>().substr(0, 8), "replica-");
}

TEST_F(Endpoint, PredictAnswersWithTheClassName) {
  start_serving(options());
  Client http = client();
  const Json request = {{"image_id", "img-7"}, {"image", image_of_band(7)}};
  const HttpReply reply = http.request("POST", "/predict", request.dump());
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json body = Json::parse(reply.body);
  EXPECT_EQ(body["image_id"], "img-7");
  EXPECT_EQ(body["predicted_class"], "Band 7");
  EXPECT_EQ(body["class_index"], 7);
  EXPECT_EQ(body["model_version"], "1");
  EXPECT_GT(body["confidence"].get<double>(), 0.5);
  EXPECT_GT(body["processing_time_ms"].get<double>(), 0);
}

// What a client may send for one image, and what it gets: always the same probabilities.
TEST_F(Endpoint, EveryWayToSendAnImageGivesTheSameAnswer) {
  start_serving(options());
  Client http = client();
  const std::vector<uint8_t> image = image_of_band(6);
  const std::string target = "/v2/models/bands/infer";
  const auto probabilities = [](const HttpReply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    return parse_infer_reply(reply.body, reply.json_bytes.value_or(reply.body.size()))
        .probabilities;
  };
  const auto json_header = [](size_t bytes) {
    return std::vector<HttpHeader>{{"Inference-Header-Content-Length", std::to_string(bytes)}};
  };
  const std::string json = infer_text(image);
  const std::vector<float> expected = probabilities(http.request("POST", target, json));
  ASSERT_EQ(expected.size(), 10u);
  EXPECT_EQ(probabilities(http.request("POST", target, json, json_header(json.size()))), expected);
  EXPECT_EQ(infer(http, image).probabilities, expected);
  const std::string raw(image.begin(), image.end());
  const HttpReply raw_reply = http.request("POST", target, raw, json_header(0));
  EXPECT_TRUE(raw_reply.json_bytes.has_value());
  EXPECT_EQ(probabilities(raw_reply), expected);
  const std::vector<float> floats(image.begin(), image.end());
  const std::string head = binary_text("FP32", "1,200", 800);
  const std::string fp32 = head + std::string(reinterpret_cast<const char*>(floats.data()), 800);
  EXPECT_EQ(probabilities(http.request("POST", target, fp32, json_header(head.size()))), expected);
  const std::string zipped = compress(fp32, Encoding::gzip);
  std::vector<HttpHeader> headers = json_header(head.size());
  headers.push_back({"Content-Encoding", "gzip"});
  EXPECT_EQ(probabilities(http.request("POST", target, zipped, headers)), expected);
}

TEST_F(Endpoint, LargeRepliesAreCompressedForThoseWhoAccept) {
  start_serving(options());
  Client http = client();
  const std::string raw(20 * image_bytes, 'x');
  for (const auto& [name, encoding] :
       {std::pair("gzip", Encoding::gzip), std::pair("deflate", Encoding::deflate)}) {
    const std::vector<HttpHeader> headers = {{"Inference-Header-Content-Length", "0"},
                                             {"Accept-Encoding", name}};
    const HttpReply reply = http.request("POST", "/v2/models/bands/infer", raw, headers);
    EXPECT_EQ(reply.encoding, name);
    const std::string body = decompress(reply.body, encoding, 1 << 20);
    EXPECT_EQ(parse_infer_reply(body, reply.json_bytes.value_or(0)).classes.size(), 20u);
  }
  const std::vector<HttpHeader> accepting = {{"Accept-Encoding", "gzip"}};
  EXPECT_EQ(http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(1)), accepting)
                .encoding,
            "")
      << "a short one is not";
}

TEST_F(Endpoint, MistakesInBodiesAreNamed) {
  ServiceOptions small = options();
  small.max_body_bytes = 10'000;
  start_serving(small);
  Client http = client();
  const auto refusal = [&](const std::string& target, const std::string& body,
                           const std::vector<HttpHeader>& headers) {
    const HttpReply reply = http.request("POST", target, body, headers);
    return std::pair(reply.status, Json::parse(reply.body).at("error").get<std::string>());
  };
  const std::string infer = "/v2/models/bands/infer";
  EXPECT_EQ(refusal(infer, "{}", {{"Inference-Header-Content-Length", "3"}}).first, 400);
  EXPECT_EQ(refusal(infer, "xyz", {{"Inference-Header-Content-Length", "0"}}).first, 400);
  EXPECT_EQ(refusal(infer, "xyz", {{"Content-Encoding", "gzip"}}).first, 400);
  EXPECT_EQ(refusal(infer, "xyz", {{"Content-Encoding", "br"}}).first, 415);
  EXPECT_EQ(refusal(infer, compress(std::string(20'000, ' '), Encoding::gzip),
                    {{"Content-Encoding", "gzip"}})
                .first,
            413);
  EXPECT_EQ(refusal("/predict", "\x89PNG\r\n\x1a\n", {}).first, 415)
      << "the model of this test takes no files";
}

TEST_F(Endpoint, ARequestLargerThanABatchIsComputedInPieces) {
  start_serving(options());
  std::vector<uint8_t> images;
  std::vector<int64_t> expected;
  for (int i = 0; i < 103; ++i) {
    const std::vector<uint8_t> image = image_of_band(i % 10);
    images.insert(images.end(), image.begin(), image.end());
    expected.push_back(i % 10);
  }
  Client http = client();
  const InferReply reply = infer(http, images);
  EXPECT_EQ(reply.classes, expected);
  EXPECT_EQ(reply.probabilities.size(), 1030u);
}

TEST_F(Endpoint, StatusesOfMistakes) {
  ServiceOptions small = options();
  small.max_body_bytes = 10'000;
  start_serving(small);
  Client http = client();
  const std::string good = infer_text(image_of_band(0));
  EXPECT_EQ(get(http, "/v2/models/other").status, 404);
  EXPECT_EQ(get(http, "/nothing").status, 404);
  EXPECT_EQ(http.request("POST", "/v2/models/other/infer", good).status, 404);
  EXPECT_EQ(http.request("POST", "/v2/models/bands/versions/9/infer", good).status, 404);
  EXPECT_EQ(get(http, "/v2/models/bands/infer").status, 405);
  EXPECT_EQ(http.request("DELETE", "/v2").status, 405);
  EXPECT_EQ(http.request("POST", "/v2/models/bands/infer", "{").status, 400);
  EXPECT_EQ(http.request("POST", "/predict", std::string(10'001, ' ')).status, 413);
  EXPECT_EQ(get(http, "/" + std::string(20'000, 'x')).status, 431);
  const HttpReply after = http.request("POST", "/v2/models/bands/infer", good);
  EXPECT_EQ(after.status, 200) << "the service works on after mistakes";
}

TEST_F(Endpoint, HeadIsAGetWithoutTheBody) {
  start_serving(options());
  for (const char* path : {"/v2", "/v2/models/bands", "/metrics", "/nothing"}) {
    RawConnection asked(service_->port()), headed(service_->port());
    const std::string rest = std::string(path) + " HTTP/1.1\r\nConnection: close\r\n\r\n";
    asked.send("GET " + rest);
    headed.send("HEAD " + rest);
    EXPECT_EQ(headed.status_at_end(), asked.status_at_end()) << path;
    const std::string head = headed.read_until("");
    EXPECT_EQ(head.find("\r\n\r\n") + 4, head.size()) << head;
    EXPECT_EQ(head.find("Content-Length: 0\r\n"), std::string::npos) << head;
  }
}

TEST_F(Endpoint, AModelThatFailsGives500AndServesOn) {
  start_serving(options(), "throws");
  Client http = client();
  const std::vector<uint8_t> white(image_bytes, 255);
  EXPECT_EQ(http.request("POST", "/v2/models/bands/infer", infer_text(white)).status, 500);
  EXPECT_EQ(infer(http, image_of_band(3)).classes, std::vector<int64_t>{3});
  EXPECT_EQ(service_->stats().failed, 1);
}

TEST_F(Endpoint, BeforeTheFirstDeploymentItIsAliveButNotReady) {
  start(options());
  Client http = client();
  EXPECT_EQ(get(http, "/v2/health/live").status, 200);
  EXPECT_EQ(get(http, "/v2/health/ready").status, 503);
  EXPECT_EQ(get(http, "/v2/models/bands/ready").status, 503);
  EXPECT_FALSE(service_->ready());
  const HttpReply reply =
      http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(1)));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.retry_after, "1");
}

TEST_F(Endpoint, RoundRobinSpreadsEvenly) {
  ServiceOptions three = options();
  three.replicas = 3;
  start_serving(three);
  Client http = client();
  std::map<std::string, int> counts;
  for (int i = 0; i < 30; ++i) ++counts[infer(http, image_of_band(i % 10)).server_replica];
  EXPECT_EQ(counts,
            (std::map<std::string, int>{{"replica-0", 10}, {"replica-1", 10}, {"replica-2", 10}}));
  for (const ReplicaStats& replica : service_->stats().replicas) EXPECT_EQ(replica.requests, 10);
  EXPECT_EQ(service_->stats().requests, 30);
  EXPECT_GT(service_->stats().p99_ms, 0);
}

TEST_F(Endpoint, HashKeepsAClientOnOneReplica) {
  ServiceOptions hashing = options();
  hashing.policy = Policy::hash;
  start_serving(hashing);
  std::map<std::string, int> counts;
  for (int i = 0; i < 10; ++i) {
    Client http = client();
    ++counts[infer(http, image_of_band(0)).server_replica];
  }
  EXPECT_EQ(counts.size(), 1u);
}

TEST_F(Endpoint, AFullQueueGives429) {
  ServiceOptions narrow = options();
  narrow.replicas = 1;
  narrow.queue_limit = 1;
  start_serving(narrow, "slow 300");
  Client first = client();
  std::thread slow([&] { infer(first, image_of_band(1)); });
  EXPECT_TRUE(eventually([&] { return service_->stats().in_flight == 1; }));
  Client second = client();
  const HttpReply reply =
      second.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(2)));
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.retry_after, "1");
  slow.join();
  EXPECT_EQ(service_->stats().rejected, 1);
  EXPECT_EQ(service_->stats().failed, 0);
}

TEST_F(Endpoint, ASlowReplicaGives504) {
  ServiceOptions hasty = options();
  hasty.request_timeout = 100ms;
  start_serving(hasty, "slow 400");
  Client http = client();
  EXPECT_EQ(http.request("POST", "/v2/models/bands/infer", infer_text(image_of_band(2))).status,
            504);
  EXPECT_TRUE(eventually([&] { return service_->stats().replicas[0].in_flight == 0; }))
      << "the late answer is dropped";
}

TEST_F(Endpoint, ABusyPortSaysWhatToDo) {
  start(options());
  ServiceOptions same = options();
  same.port = service_->port();
  try {
    const Service second(same, Log(LogLevel::error, "test"));
    FAIL() << "the port was taken twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
    EXPECT_NE(std::string(error.what()).find("is in use"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("--serve.port"), std::string::npos);
  }
}

TEST_F(Endpoint, AddressesThatAreNoneAreRefused) {
  ServiceOptions nonsense = options();
  nonsense.address = "nonsense";
  EXPECT_THROW(start(nonsense), Error);
  nonsense.address = "203.0.113.7";  // of nobody, RFC 5737
  EXPECT_THROW(start(nonsense), Error);
}

TEST_F(Endpoint, ClientsSayWhenNobodyAnswers) {
  start_serving(options(), "slow 500");
  Client hasty = client(50ms);
  EXPECT_THROW(infer(hasty, image_of_band(0)), Error);
  const int port = service_->port();
  service_.reset();
  Client late("127.0.0.1", port, 1s);
  try {
    infer(late, image_of_band(0));
    FAIL() << "a service that is gone has answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
  }
  EXPECT_EQ(parse_host_port("[::1]:80").host, "::1");
  EXPECT_THROW(parse_host_port("nohost"), Error);
  EXPECT_THROW(parse_host_port("host:0"), Error);
  EXPECT_THROW(parse_host_port("host:99999"), Error);
}

}  // namespace
}  // namespace podium::serve::test
