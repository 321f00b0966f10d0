// Histograms and pages, without sockets.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "exposition_checker.hpp"
#include "serve/latency_histogram.hpp"
#include "serve/metrics/exposition.hpp"
#include "serve/metrics/pages.hpp"

namespace podium::serve {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using test::ExpositionChecker;

constexpr Recent::Time start{};

ReplyFields computed(uint32_t batch_images, uint64_t queue_ns = 0) {
  ReplyFields reply;
  reply.cost.images = 1;
  reply.cost.batch_images = batch_images;
  reply.cost.version = 1;
  reply.cost.queue_ns = queue_ns;
  return reply;
}

ReplyFields failed(int status) {
  ReplyFields reply;
  reply.status = status;
  return reply;
}

TEST(LatencyHistogram, IsWithinOneBucketOfSorting) {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> times(0, 3);
  LatencyHistogram whole;
  LatencyHistogram half;
  LatencyHistogram other;
  std::vector<double> all;
  for (int i = 0; i < 20'000; ++i) {
    const double ms = times(random);
    all.push_back(ms);
    whole.record(ms);
    (i % 2 == 0 ? half : other).record(ms);
  }
  half.add(other);
  std::ranges::sort(all);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = all[static_cast<size_t>(std::ceil(q * double(all.size()))) - 1];
    EXPECT_GE(whole.percentile(q) + 1e-6, exact) << q;
    EXPECT_LE(whole.percentile(q), exact * (1 + 1.0 / 32) + 1e-6) << q;
    EXPECT_EQ(half.percentile(q), whole.percentile(q)) << q;
  }
  EXPECT_NEAR(whole.most_ms(), all.back(), all.back() * 1e-6);
  EXPECT_EQ(half.count(), whole.count());
  half.clear();
  EXPECT_EQ(half.percentile(0.5), 0);
}

TEST(BoundedCounts, AValueOnABoundIsWithinIt) {
  static constexpr std::array<double, 3> bounds = {1, 2, 4};
  BoundedCounts counts(bounds);
  for (const double value : {0.5, 1.0, 1.5, 4.0, 9.0}) counts.record(value);
  EXPECT_EQ(counts.up_to(0), 2);
  EXPECT_EQ(counts.up_to(1), 3);
  EXPECT_EQ(counts.up_to(2), 4);
  EXPECT_EQ(counts.count(), 5);
  EXPECT_DOUBLE_EQ(counts.sum(), 16);
}

TEST(RecentTest, ForgetsWhatIsTenSecondsOld) {
  Recent recent(start);
  for (int i = 0; i < 100; ++i) recent.record(start + 100ms * i, 1, false, 4);  // 0 to 9.9 s
  Recent::View view = recent.view(start + 9900ms);
  EXPECT_EQ(view.answers, 100);
  EXPECT_NEAR(view.per_second(), 100 / 9.9, 1e-6);
  EXPECT_EQ(view.batch_images, 4);
  recent.record(start + 12500ms, 50, true, 0);
  view = recent.view(start + 12500ms);  // seconds 3 to 12
  EXPECT_EQ(view.answers, 71);
  EXPECT_EQ(view.failed, 1);
  EXPECT_NEAR(view.seconds, 9.5, 1e-9);
  EXPECT_NEAR(view.p50_ms, 1, 0.05);
  EXPECT_NEAR(view.p99_ms, 50, 2);  // the 71st of 71
  view = recent.view(start + 100s);
  EXPECT_EQ(view.answers, 0);
  EXPECT_EQ(view.p99_ms, 0);
}

TEST(ExpositionTest, WritesWhatTheFormatSays) {
  static constexpr std::array<double, 2> bounds = {0.5, 2};
  BoundedCounts counts(bounds);
  counts.record(0.25);
  counts.record(8);
  Exposition page;
  page.family("a_total", "counter", "back\\slash\nand line");
  page.sample(3, {{"name", "say \"hi\"\\\n"}, {"b", "c"}});
  page.family("seconds", "histogram", "h");
  page.histogram(counts, {{"replica", "r-0"}});
  EXPECT_EQ(page.take(),
            "# HELP a_total back\\\\slash\\nand line\n"
            "# TYPE a_total counter\n"
            "a_total{name=\"say \\\"hi\\\"\\\\\\n\",b=\"c\"} 3\n"
            "# HELP seconds h\n"
            "# TYPE seconds histogram\n"
            "seconds_bucket{replica=\"r-0\",le=\"0.5\"} 1\n"
            "seconds_bucket{replica=\"r-0\",le=\"2\"} 1\n"
            "seconds_bucket{replica=\"r-0\",le=\"+Inf\"} 2\n"
            "seconds_sum{replica=\"r-0\"} 8.25\n"
            "seconds_count{replica=\"r-0\"} 2\n");
}

// The checker itself: it must see what is wrong.
TEST(ExpositionTest, TheCheckerComplains) {
  const std::string head = "# HELP a h\n# TYPE a counter\n";
  const std::string histogram = "# HELP a h\n# TYPE a histogram\n";
  for (const std::string& bad :
       {head + "a 1", head + "b 1\n", head + "a -1\n", head + "a 1\na 1\n", head + "a{b=c} 1\n",
        head + "a{b=\"c\"d=\"e\"} 1\n", head + "a one\n", std::string("# TYPE a counter\na 1\n"),
        head + "a 1\n" + head, histogram + "a_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
        histogram + "a_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        histogram + "a_bucket{le=\"+Inf\"} 1\na_count 1\n"}) {
    EXPECT_FALSE(ExpositionChecker(bad).complaints().empty()) << bad;
  }
}

void name_replicas(ServiceView* view) {
  for (size_t i = 0; i < view->stats.replicas.size(); ++i) {
    view->stats.replicas[i].name = "replica-" + std::to_string(i);
  }
}

class PagesTest : public testing::Test {
 protected:
  PagesTest() : meters_(2, start) {
    for (int i = 0; i < 8; ++i) answer(computed(4, 1'000'000), i % 2, 2);
    answer(failed(500), 1, 30);
    answer(failed(504), {}, 10'000);
    meters_.rejected("queue_full");
  }

  void answer(const ReplyFields& reply, std::optional<size_t> replica, double milliseconds) {
    meters_.answered(reply, replica, milliseconds, start + 1s);
    versions_.add(reply, 1, static_cast<uint64_t>(milliseconds * 1e6));
  }

  ServiceView view() {
    ServiceView view{model_, meters_};
    view.stats.version = 1;
    view.stats.requests = 10;
    view.stats.failed = 2;
    view.stats.replicas.resize(2);
    name_replicas(&view);
    view.stats.replicas[0].state = ReplicaStats::State::ready;
    view.stats.replicas[1].state = ReplicaStats::State::down;
    view.stats.replicas[1].restarts = 4;
    view.versions = versions_.of(0);
    view.ready = true;
    view.connections = 3;
    view.replica_cpu_s = {0.5, 0};
    view.now = start + 2s;
    return view;
  }

  const std::string model_ = "quote\"d";
  Meters meters_;
  VersionStats versions_;
};

TEST_F(PagesTest, MetricsFollowTheGrammarAndAgree) {
  const ExpositionChecker page(metrics_text(view()));
  EXPECT_EQ(page.complaints(), std::vector<std::string>());
  const std::string labels = R"({model="quote\"d",version="1"})";
  const std::vector<std::pair<std::string, double>> expected = {
      {"nv_inference_request_success" + labels, 8},
      {"nv_inference_request_failure" + labels, 2},
      {"nv_inference_count" + labels, 8},
      {"nv_inference_exec_count" + labels, 2},
      {"nv_inference_queue_duration_us" + labels, 8000},
      {"nv_inference_request_duration_us" + labels, 16'000 + 10'030'000},
      {"nv_inference_pending_request_count" + labels, 0},
      {"podium_requests_total{status=\"504\"}", 1},
      {"podium_requests_rejected_total{reason=\"queue_full\"}", 1},
      {"podium_request_seconds_count", 10},
      {"podium_request_seconds_bucket{le=\"0.0025\"}", 8},
      {"podium_replica_request_seconds_count{replica=\"replica-0\"}", 4},
      {"podium_replica_request_seconds_count{replica=\"replica-1\"}", 5},
      {"podium_queue_seconds_count", 8},
      {"podium_batch_images_bucket{le=\"4\"}", 8},
      {"podium_batch_images_bucket{le=\"2\"}", 0},
      {"podium_replica_up{replica=\"replica-1\"}", 0},
      {"podium_replica_ready{replica=\"replica-0\"}", 1},
      {"podium_replica_restarts_total{replica=\"replica-1\"}", 4},
      {"podium_connections", 3}};
  for (const auto& [sample, value] : expected) {
    ASSERT_TRUE(page.value(sample)) << sample;
    EXPECT_DOUBLE_EQ(*page.value(sample), value) << sample;
  }
}

TEST_F(PagesTest, AServiceThatAnsweredNothingHasAPageToo) {
  const Meters none(2, start);
  ServiceView view{model_, none};
  view.stats.replicas.resize(2);
  name_replicas(&view);
  view.replica_cpu_s.resize(2);
  EXPECT_EQ(ExpositionChecker(metrics_text(view)).complaints(), std::vector<std::string>());
  EXPECT_EQ(Json::parse(service_stats_body(view)).at("recent").at("p99_ms"), 0);
}

TEST_F(PagesTest, StatsTellEachReplica) {
  const Json stats = Json::parse(service_stats_body(view()));
  EXPECT_EQ(stats.at("state"), "ready");
  EXPECT_EQ(stats.at("recent").at("per_s"), 5);
  EXPECT_EQ(stats.at("replicas")[0].at("recent").at("per_s"), 2);
  EXPECT_EQ(stats.at("replicas")[0].at("recent").at("batch_images"), 4);
  EXPECT_EQ(stats.at("replicas")[1].at("state"), "down");
  EXPECT_EQ(stats.at("replicas")[1].at("failed"), 1);
}

}  // namespace
}  // namespace podium::serve
