// The parts of a load without sockets: arrivals, replies, requests, histograms and the search.
#include "bench/load/load.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>

#include "bench/load/reply_reader.hpp"
#include "bench/load/requests.hpp"
#include "bench/serve_bench.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

std::vector<double> times_of(ArrivalKind kind, double rate, int burst, int count) {
  Arrivals arrivals(kind, rate, burst, 7);
  std::vector<double> times;
  for (int i = 0; i < count; ++i) times.push_back(arrivals.next());
  return times;
}

std::vector<double> gaps_of(const std::vector<double>& times) {
  std::vector<double> gaps;
  for (size_t i = 1; i < times.size(); ++i) gaps.push_back(times[i] - times[i - 1]);
  return gaps;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(Arrivals, ConstantOnesAreEquallyFarApart) {
  const std::vector<double> times = times_of(ArrivalKind::constant, 250, 1, 1000);
  for (size_t i = 0; i < times.size(); ++i) EXPECT_DOUBLE_EQ(times[i], double(i) / 250);
}

// Exponential gaps have a deviation equal to their mean, and 1 - 1/e of them are below it.
TEST(Arrivals, PoissonHasExponentialGaps) {
  const std::vector<double> gaps = gaps_of(times_of(ArrivalKind::poisson, 200, 1, 100'001));
  const double average = mean(gaps);
  EXPECT_NEAR(average, 0.005, 0.005 * 0.02);
  double squares = 0;
  for (const double gap : gaps) squares += (gap - average) * (gap - average);
  EXPECT_NEAR(std::sqrt(squares / double(gaps.size())) / average, 1, 0.02);
  const auto below = std::ranges::count_if(gaps, [&](double gap) { return gap < average; });
  EXPECT_NEAR(double(below) / double(gaps.size()), 1 - std::exp(-1), 0.01);
}

TEST(Arrivals, BurstsComeTogetherAtTheSameMeanRate) {
  const std::vector<double> times = times_of(ArrivalKind::bursts, 200, 10, 100'000);
  for (size_t i = 0; i < times.size(); ++i) {
    if (i == 0) continue;
    ASSERT_EQ(times[i] == times[i - 1], i % 10 != 0) << i;
    ASSERT_GE(times[i], times[i - 1]) << i;
  }
  EXPECT_NEAR(double(times.size()) / times.back(), 200, 200 * 0.04);
}

TEST(Arrivals, EqualSeedsGiveEqualTimesAndNamesAreChecked) {
  EXPECT_EQ(times_of(ArrivalKind::poisson, 10, 1, 100), times_of(ArrivalKind::poisson, 10, 1, 100));
  EXPECT_EQ(parse_arrivals("bursts"), ArrivalKind::bursts);
  EXPECT_THROW(parse_arrivals("waves"), Error);
}

// A server that answers one request after another and stands still once: what a histogram of
// latencies from the due times says, beside sorting them all.
TEST(Latencies, OfAStallAreThoseOfSorting) {
  serve::LatencyHistogram histogram;
  std::vector<double> all;
  double free_at = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double due = i * 2.0;  // ms
    const double begun = std::max(due, free_at);
    free_at = begun + (i == 5'000 ? 1'500.0 : 0.25 + 0.1 * (i % 7));
    all.push_back(free_at - due);
    histogram.record(free_at - due);
  }
  std::ranges::sort(all);
  for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0}) {
    const double exact = all[static_cast<size_t>(std::ceil(q * double(all.size()))) - 1];
    EXPECT_GE(histogram.percentile(q), exact * (1 - 1e-6)) << q;
    EXPECT_LE(histogram.percentile(q), exact * (1 + 1.0 / 32)) << q;
  }
  EXPECT_GT(histogram.percentile(0.99), 500);  // the stall met many requests, not one
}

std::vector<int> statuses_of(const std::string& stream, size_t piece) {
  ReplyReader reader;
  std::vector<int> statuses;
  for (size_t at = 0; at < stream.size(); at += piece) {
    const std::string_view part = std::string_view(stream).substr(at, piece);
    for (size_t done = 0; done < part.size();) {
      const std::span<char> space = reader.space();
      const size_t bytes = std::min(space.size(), part.size() - done);
      std::memcpy(space.data(), part.data() + done, bytes);
      reader.commit(bytes);
      done += bytes;
      while (const auto reply = reader.next()) statuses.push_back(reply->status);
    }
  }
  if (const auto reply = reader.finish()) statuses.push_back(reply->status);
  return statuses;
}

TEST(ReplyReader, CutsRepliesOutOfAnyPieces) {
  const std::string body(70'000, 'x');
  const std::string stream =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      "HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "HTTP/1.1 201 OK\r\nContent-Length: 70000\r\n\r\n" +
      body + "HTTP/1.0 503 Gone\r\n\r\nuntil the end";
  const std::vector<int> expected = {200, 429, 200, 201, 503};
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, stream.size()}) {
    EXPECT_EQ(statuses_of(stream, piece), expected) << piece;
  }
}

TEST(ReplyReader, RefusesWhatIsNoHttp) {
  EXPECT_THROW(statuses_of("SSH-2.0-OpenSSH_9.2\r\n\r\n", 100), Error);
}

TEST(Requests, OfBothKindsHoldTheSameImages) {
  PostHeaders headers{"127.0.0.1:8080", "/v2/models/m/infer"};
  headers.token = "secret";
  const AskedImages images{2, 3, 4, 1};
  const auto json = infer_requests(headers, images, false, 2);
  const auto binary = infer_requests(headers, images, true, 2);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_NE(json[0], json[1]);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NE(json[i].find("Authorization: Bearer secret\r\n"), std::string::npos);
    const auto numbers = nlohmann::json::parse(json[i].substr(json[i].find("\r\n\r\n") + 4))
                             .at("inputs")[0]
                             .at("data")
                             .get<std::vector<uint8_t>>();
    ASSERT_EQ(numbers.size(), images.bytes());
    const std::string tail = binary[i].substr(binary[i].size() - images.bytes());
    EXPECT_TRUE(std::equal(numbers.begin(), numbers.end(), tail.begin(),
                           [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }));
    const size_t body = binary[i].find("\r\n\r\n") + 4;
    const size_t header_bytes = binary[i].size() - images.bytes() - body;
    EXPECT_NE(binary[i].find(format("Inference-Header-Content-Length: %zu\r\n", header_bytes)),
              std::string::npos);
  }
}

TEST(HighestRate, FindsTheEdgeWithinFivePercent) {
  for (const double edge : {60.0, 777.0, 12'345.0}) {
    int asked = 0;
    const double found = highest_rate(50, [&](double rate) {
      ++asked;
      return rate <= edge;
    });
    EXPECT_LE(found, edge);
    EXPECT_GE(found, edge / 1.05);
    EXPECT_LT(asked, 30);
  }
  EXPECT_EQ(highest_rate(50, [](double) { return false; }), 0);
}

TEST(ServeTable, ARowTellsRatioAndFailures) {
  ServeRow row;
  row.what = "binary, dense, 2 replicas";
  row.per_second = 900;
  row.theirs = "echo of binary";
  row.theirs_per_second = 1000;
  row.failed = {{"429", 3}, {"broken", 1}};
  row.service_us = 12.5;
  row.replicas_us = 7;
  const nlohmann::ordered_json json = to_json({row})[0];
  EXPECT_DOUBLE_EQ(json["ratio"], 0.9);
  EXPECT_EQ(json["failed"]["429"], 3);
  EXPECT_EQ(json["service_cpu_us"], 12.5);
  EXPECT_FALSE(json.contains("asked_per_s"));
  const std::string text = to_text({row});
  for (const char* word : {"0.90", "429: 3, broken: 1", "12.5"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in\n" << text;
  }
}

}  // namespace
}  // namespace podium::bench
