// What a running service tells about itself on /metrics and /v2/stats.
#include <cstdlib>
#include <thread>

#include "exposition_checker.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class MetricsEndpoint : public ServiceTest {
 protected:
  void ask_some(Client& http) {
    for (int i = 0; i < 6; ++i) infer(http, image_of_band(i));
    EXPECT_EQ(http.request("POST", "/predict", "{}").status, 400);
    EXPECT_EQ(get(http, "/nothing").status, 404);
  }
};

TEST_F(MetricsEndpoint, CountsWhatWasAnswered) {
  start_serving(options());
  Client http = client();
  ask_some(http);
  const HttpReply reply = get(http, "/metrics");
  ASSERT_EQ(reply.status, 200);
  const ExpositionChecker page(reply.body);
  EXPECT_EQ(page.complaints(), std::vector<std::string>());
  const auto value = [&](const std::string& sample) { return page.value(sample).value_or(-1); };
  const std::string labels = R"({model="bands",version="1"})";
  EXPECT_EQ(value("nv_inference_request_success" + labels), 6);
  EXPECT_EQ(value("nv_inference_request_failure" + labels), 1);
  EXPECT_EQ(value("nv_inference_count" + labels), 6);
  EXPECT_GT(value("nv_inference_compute_infer_duration_us" + labels), -1);
  EXPECT_EQ(value("podium_request_seconds_count"), 7);
  EXPECT_EQ(value("podium_replica_request_seconds_count{replica=\"replica-0\"}") +
                value("podium_replica_request_seconds_count{replica=\"replica-1\"}"),
            7);
  EXPECT_EQ(value("podium_requests_rejected_total{reason=\"unknown\"}"), 1);
  EXPECT_EQ(value("podium_replica_ready{replica=\"replica-0\"}"), 1);
  EXPECT_EQ(value("podium_connections"), 1);
  EXPECT_EQ(value("podium_version"), 1);
  EXPECT_GT(value("podium_service_cpu_seconds_total"), 0);
  EXPECT_EQ(http.request("POST", "/metrics").status, 405);
}

TEST_F(MetricsEndpoint, SwapsAndRestartsAreSeen) {
  start_serving(options());
  ASSERT_TRUE(deploy(2, "shift 1").deployed);
  ::kill(service_->stats().replicas[1].pid, SIGKILL);
  ASSERT_TRUE(eventually([this] { return service_->stats().restarts == 1 && all_ready(); }));
  Client http = client();
  const ExpositionChecker page(get(http, "/metrics").body);
  EXPECT_EQ(page.value("podium_swaps_total"), 1);
  EXPECT_EQ(page.value("podium_version"), 2);
  EXPECT_EQ(page.value("podium_replica_restarts_total{replica=\"replica-1\"}"), 1);
  const Json stats = Json::parse(get(http, "/v2/stats").body);
  EXPECT_EQ(stats.at("version"), 2);
  EXPECT_EQ(stats.at("replicas")[1].at("restarts"), 1);
}

TEST_F(MetricsEndpoint, StatsAreThoseOfTheAnswers) {
  start_serving(options());
  Client http = client();
  ask_some(http);
  const Json stats = Json::parse(get(http, "/v2/stats").body);
  EXPECT_EQ(stats.at("model"), "bands");
  EXPECT_EQ(stats.at("state"), "ready");
  EXPECT_EQ(stats.at("requests"), 7);
  EXPECT_GT(stats.at("recent").at("per_s"), 0);
  EXPECT_GT(stats.at("p99_ms"), 0);
  EXPECT_EQ(stats.at("recent").at("batch_images"), 1);
}

// By the reader of Prometheus' own client library, where it is installed.
TEST_F(MetricsEndpoint, PrometheusReadsIt) {
  if (std::system("python3 -c 'import prometheus_client' 2>/dev/null") != 0) {
    GTEST_SKIP() << "there is no prometheus_client (pip install prometheus-client)";
  }
  start_serving(options());
  Client http = client();
  ask_some(http);
  const std::string file = (folder_.path() / "metrics.txt").string();
  std::ofstream(file) << get(http, "/metrics").body;
  const std::string program =
      "from prometheus_client.parser import text_string_to_metric_families as parse; "
      "families = {f.name: f for f in parse(open('" +
      file +
      "').read())}; "
      "assert families['podium_request_seconds'].type == 'histogram'; "
      "assert families['nv_inference_request_success'].samples[0].value == 6";
  EXPECT_EQ(std::system(("python3 -c \"" + program + "\"").c_str()), 0);
}

}  // namespace
}  // namespace podium::serve::test
