// The timeline of a service: intervals in which requests came, moments, and their bounds; and those
// of a real service whose replica is killed.
#include "serve/metrics/timeline.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

using std::chrono::seconds;

TEST(Timeline, TellsIntervalsInWhichRequestsCame) {
  const Timeline::Time start = SteadyClock::now();
  Timeline timeline(start);
  timeline.tick({}, start + 1s);
  EXPECT_TRUE(timeline.take().empty()) << "nobody came";
  for (int i = 0; i < 100; ++i) timeline.answered(i < 98 ? 1 : 50);
  timeline.tick({100, 2, 3, 4, 5}, start + 2s);
  timeline.tick({100, 2, 3, 0, 5}, start + 3s);
  timeline.answered(7);
  timeline.tick({101, 2, 4, 0, 5}, start + 4s);
  const std::vector<Happening> told = timeline.take();
  ASSERT_EQ(told.size(), 2U);
  const auto& first = told[0].event;
  EXPECT_EQ(first.at("event"), "service");
  EXPECT_EQ(first.at("seconds"), 1.0);
  EXPECT_EQ(first.at("requests"), 100);
  EXPECT_EQ(first.at("failed"), 2);
  EXPECT_EQ(first.at("rejected"), 3);
  EXPECT_EQ(first.at("queued"), 4);
  EXPECT_EQ(first.at("replicas"), 5);
  EXPECT_NEAR(first.at("p50_ms"), 1, 0.05);
  EXPECT_NEAR(first.at("p99_ms"), 50, 2);
  const auto& latencies = first.at("latencies");
  ASSERT_EQ(latencies.size(), 2U);
  EXPECT_EQ(latencies[0], nlohmann::json::array({1.048576, 98}));  // 2^20 ns
  EXPECT_EQ(latencies[1], nlohmann::json::array({50.331648, 2}));  // 1.5 * 2^25 ns
  EXPECT_EQ(told[1].event.at("requests"), 1);
  EXPECT_EQ(told[1].event.at("rejected"), 1);
  EXPECT_NEAR(told[1].event.at("p50_ms"), 7, 0.3) << "of its own interval";
  EXPECT_TRUE(timeline.take().empty());
}

TEST(Timeline, AnIntervalThatIsCutShortIsToldToo) {
  const Timeline::Time start = SteadyClock::now();
  Timeline timeline(start);
  timeline.tick({1, 0, 0, 0, 1}, start + 250ms);
  EXPECT_TRUE(timeline.take().empty());
  timeline.tick({1, 0, 0, 0, 1}, start + 250ms, true);
  const std::vector<Happening> told = timeline.take();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].event.at("seconds"), 0.25);
}

// A second at first, a minute from ten hours on.
TEST(Timeline, AServiceUnderLoadForDaysTellsLittle) {
  const Timeline::Time start = SteadyClock::now();
  Timeline timeline(start);
  int64_t requests = 0;
  size_t bytes = 0;
  std::vector<size_t> bytes_of_day;
  for (int day = 0; day < 3; ++day) {
    const size_t before = bytes;
    for (int second = 0; second < 86'400; ++second) {
      timeline.tick({requests += 1000, 0, 0, 0, 4}, start + seconds(day * 86'400 + second + 1));
      for (const Happening& one : timeline.take()) bytes += one.event.dump().size() + 50;
    }
    bytes_of_day.push_back(bytes - before);
  }
  EXPECT_LT(bytes_of_day[0], 1'000'000U);
  EXPECT_LT(bytes_of_day[2], 400'000U);
  EXPECT_GT(bytes_of_day[2], 86'400U / 60 * 100) << "once a minute";
  EXPECT_EQ(Timeline::interval_at(seconds(60)), seconds(1));
  EXPECT_EQ(Timeline::interval_at(seconds(6000)), seconds(10));
  EXPECT_EQ(Timeline::interval_at(seconds(864'000)), seconds(60));
}

TEST(Timeline, WhatNobodyTakesIsBounded) {
  Timeline timeline;
  for (int i = 0; i < 10'000; ++i) timeline.happened({{"event", "swapped"}, {"version", i}});
  const std::vector<Happening> told = timeline.take();
  EXPECT_EQ(told.size(), 4096U);
  EXPECT_EQ(told.back().event.at("version"), 9999);
}

class ServiceTimeline : public ServiceTest {
 protected:
  // All of one kind that are told until there are `count`.
  std::vector<Happening> wait_for(const std::string& kind, size_t count) {
    std::vector<Happening> found;
    eventually([&] {
      for (Happening& one : service_->take_happenings()) {
        if (one.event.at("event") == kind) found.push_back(std::move(one));
      }
      return found.size() >= count;
    });
    return found;
  }
};

TEST_F(ServiceTimeline, TellsTheMomentOfADeathAndOfTheNextLife) {
  start_serving(options());
  ASSERT_EQ(wait_for("replica_started", 2).size(), 2U);
  const ReplicaStats victim = service_->stats().replicas[0];
  const auto before = std::chrono::system_clock::now();
  ASSERT_EQ(::kill(victim.pid, SIGKILL), 0);
  const std::vector<Happening> died = wait_for("replica_died", 1);
  const std::vector<Happening> came = wait_for("replica_started", 1);
  ASSERT_EQ(died.size(), 1U);
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(died[0].event.at("replica"), victim.name);
  EXPECT_EQ(died[0].event.at("version"), 1);
  EXPECT_EQ(came[0].event.at("replica"), victim.name);
  EXPECT_EQ(came[0].event.at("restarts"), 1);
  EXPECT_GE(died[0].at, before);
  EXPECT_GT(came[0].at, died[0].at);
}

TEST_F(ServiceTimeline, TellsWhenAllSwapped) {
  start_serving(options());
  const auto before = std::chrono::system_clock::now();
  ASSERT_TRUE(deploy(2, "shift 1").deployed);
  const std::vector<Happening> swapped = wait_for("swapped", 1);
  ASSERT_EQ(swapped.size(), 1U);
  EXPECT_EQ(swapped[0].event.at("version"), 2);
  EXPECT_EQ(swapped[0].event.at("swap_ms"), service_->stats().swap_ms);
  EXPECT_GE(swapped[0].at, before) << "when they were told, not before the deployment";
}

TEST_F(ServiceTimeline, TellsTheLastIntervalAfterADrain) {
  start_serving(options());
  {
    Client http = client();
    for (int i = 0; i < 5; ++i) infer(http, image_of_band(i));
  }
  ASSERT_TRUE(service_->drain(10s));
  int64_t requests = 0;
  for (const Happening& one : service_->take_happenings()) {
    if (one.event.at("event") == "service") requests += one.event.at("requests").get<int64_t>();
  }
  EXPECT_EQ(requests, 5);
}

}  // namespace
}  // namespace podium::serve::test
