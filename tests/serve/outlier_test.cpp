// Who is ejected, how many at most, and for how long; retries; signs of life. Time is passed in.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "serve/balancer/outlier_watch.hpp"
#include "serve/balancer/retry_budget.hpp"
#include "serve/replica/health.hpp"

namespace podium::serve {
namespace {

using namespace std::chrono_literals;
using Loads = std::vector<ReplicaLoad>;

class Outliers : public testing::Test {
 protected:
  std::optional<OutlierWatch::Verdict> answer(size_t replica, int status, double ms = 1) {
    return watch_.answered(replica, status, ms, loads_, now_);
  }
  // A second of traffic in which replica i takes times_ms[i].
  std::vector<OutlierWatch::Verdict> second(const std::vector<double>& times_ms) {
    for (int i = 0; i < 50; ++i) {
      for (size_t k = 0; k < times_ms.size(); ++k) answer(k, 200, times_ms[k]);
    }
    now_ += 1s;
    return watch_.review(loads_, now_);
  }
  std::set<size_t> ejected() const {
    std::set<size_t> away;
    for (size_t i = 0; i < loads_.size(); ++i) {
      if (watch_.ejected(i)) away.insert(i);
    }
    return away;
  }

  OutlierWatch watch_{OutlierRules{}};
  Loads loads_ = Loads(3, {true, 0});
  SteadyClock::time_point now_ = SteadyClock::now();
};

TEST_F(Outliers, FiveErrorsInARowOfOneOfThreeEjectIt) {
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(answer(1, 500));
  answer(1, 200);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(answer(1, 500));
  const auto verdict = answer(1, 500);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->replica, 1u);
  EXPECT_EQ(verdict->why, "5 errors in a row");
  EXPECT_EQ(ejected(), std::set<size_t>{1});
}

TEST_F(Outliers, NoMoreThanHalfAreAwayAndOneStays) {
  for (int i = 0; i < 20; ++i) {
    answer(0, 500);
    answer(1, 500);
  }
  EXPECT_EQ(ejected().size(), 1u);
  loads_ = Loads(1, {true, 0});
  watch_ = OutlierWatch(OutlierRules{});
  for (int i = 0; i < 20; ++i) answer(0, 500);
  EXPECT_TRUE(ejected().empty());
}

TEST_F(Outliers, WhenAllFailAlikeNobodyIsAnOutlier) {
  for (int i = 0; i < 20; ++i) {
    for (size_t k = 0; k < 3; ++k) answer(k, 500);
  }
  EXPECT_TRUE(ejected().empty());
}

TEST_F(Outliers, StatusesOfOverloadEjectNobody) {
  for (int i = 0; i < 20; ++i) answer(1, i % 2 == 0 ? 503 : 504);
  EXPECT_TRUE(ejected().empty());
}

TEST_F(Outliers, TheSlowOneOfThreeOrTwoIsEjectedAfterTwoWindows) {
  second({2, 2, 2});
  EXPECT_TRUE(second({2, 90, 3}).empty()) << "once may be chance";
  const auto verdicts = second({2, 90, 3});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].replica, 1u);
  loads_.resize(2);
  watch_ = OutlierWatch(OutlierRules{});
  for (int i = 0; i < 3; ++i) second({90, 2});
  EXPECT_EQ(ejected(), std::set<size_t>{0});
}

TEST_F(Outliers, SlowTogetherOrByLittleIsNoReason) {
  for (int i = 0; i < 5; ++i) second({300, 310, 500});
  for (int i = 0; i < 5; ++i) second({1, 1, 15});
  EXPECT_TRUE(ejected().empty());
}

TEST_F(Outliers, TheyComeBackLaterEachTimeAndArePardonedInTheEnd) {
  const auto away = [&] {
    for (int i = 0; i < 5; ++i) answer(2, 500);
    EXPECT_TRUE(watch_.ejected(2));
    std::chrono::seconds time{0};
    while (watch_.ejected(2)) {
      now_ += 1s;
      time += 1s;
      watch_.review(loads_, now_);
    }
    return time;
  };
  std::vector<std::chrono::seconds> times;
  for (int i = 0; i < 7; ++i) times.push_back(away());
  EXPECT_EQ(times, (std::vector<std::chrono::seconds>{2s, 4s, 8s, 16s, 32s, 60s, 60s}));
  now_ += 60s;
  watch_.review(loads_, now_);
  EXPECT_EQ(away(), 2s);
}

TEST_F(Outliers, ANewProcessHasNoPast) {
  for (int i = 0; i < 5; ++i) answer(1, 500);
  watch_.forget(1);
  EXPECT_TRUE(ejected().empty());
}

TEST(RetryBudget, AllowsAFifthOfTheRequestsBesideAFloor) {
  RetryBudget budget;
  const auto now = SteadyClock::now() + 1h;
  int floor = 0;
  while (budget.take(now)) ++floor;
  EXPECT_EQ(floor, 100);
  for (int i = 0; i < 1000; ++i) budget.count_request();
  int earned = 0;
  while (budget.take(now)) ++earned;
  EXPECT_EQ(earned, 200);
  int later = 0;
  while (budget.take(now + 1s)) ++later;
  EXPECT_EQ(later, 50);
}

int ticks_until_given_up(Pulse pulse, const HealthLimits& limits, size_t bytes = 0) {
  int ticks = 1;
  while (pulse.tick(limits, bytes).empty() && ticks < 1000) ++ticks;
  return ticks;
}

TEST(Health, SilenceIsFoundWithinTheLimit) {
  for (const auto silence : {100ms, 1000ms, 1001ms, 2000ms, 60000ms}) {
    const HealthLimits limits{silence, 0ms};
    Pulse pulse;
    pulse.heard();
    const int ticks = ticks_until_given_up(pulse, limits);
    EXPECT_LE(ticks * Pulse::tick_of(limits), silence);
    EXPECT_GT(ticks * Pulse::tick_of(limits), silence - Pulse::tick_of(limits));
    EXPECT_GE(ticks, Pulse::ticks_of_silence);
    EXPECT_LE(Pulse::tick_of(limits), 500ms);
  }
}

TEST(Health, WhoAnswersStaysAndWhoHoldsLargeBodiesHasMoreTime) {
  const HealthLimits limits{1000ms, 0ms};
  Pulse pulse;
  for (int i = 0; i < 100; ++i) {
    pulse.heard();
    EXPECT_EQ(pulse.tick(limits, 0), "");
  }
  pulse.heard();
  EXPECT_EQ(ticks_until_given_up(pulse, limits, 2 * Pulse::patience_bytes), 15);
  EXPECT_EQ(ticks_until_given_up(Pulse(), limits), 150) << "a new process has 30 s to come up";
  EXPECT_EQ(ticks_until_given_up(pulse, {0ms, 0ms}), 1000) << "0: not watched";
}

TEST(Health, AModelIsStuckByItsOwnClock) {
  EXPECT_EQ(stuck({0ms, 5000ms}, 4999ms), "");
  EXPECT_NE(stuck({0ms, 5000ms}, 5000ms), "");
  EXPECT_EQ(stuck({0ms, 0ms}, 1h), "");
}

}  // namespace
}  // namespace podium::serve
