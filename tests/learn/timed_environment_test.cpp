// TimedEnvironment: the times that a seed gives, and that the environment inside is as it was.
#include "learn/timed_environment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "learn/cartpole.hpp"

namespace podium::learn {
namespace {

constexpr int many = 100'000;

std::vector<double> times_of(const StepTimes& times, uint64_t seed) {
  std::vector<double> all;
  for (uint64_t step = 0; step < many; ++step) all.push_back(step_ms(times, seed, step));
  return all;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

TEST(StepTimes, HaveTheirMeanWhateverTheTail) {
  StepTimes times{.tail = StepTimes::Tail::none, .mean_ms = 2};
  EXPECT_EQ(std::ranges::max(times_of(times, 1)), 2);
  EXPECT_EQ(std::ranges::min(times_of(times, 1)), 2);
  times.tail = StepTimes::Tail::lognormal;
  EXPECT_NEAR(mean(times_of(times, 1)), 2, 0.06);
  times.tail = StepTimes::Tail::one_in;
  EXPECT_NEAR(mean(times_of(times, 1)), 2, 0.06);
}

TEST(StepTimes, OneInSoManyTakesTimesAsLong) {
  const StepTimes times{
      .tail = StepTimes::Tail::one_in, .mean_ms = 1, .one_in = 10, .times = 4, .together = 1};
  const std::vector<double> all = times_of(times, 5);
  const double usual = std::ranges::min(all);
  EXPECT_NEAR(std::ranges::max(all), 4 * usual, 1e-12);
  const auto slow = std::ranges::count_if(all, [&](double t) { return t > 2 * usual; });
  EXPECT_NEAR(static_cast<double>(slow) / many, 0.1, 0.006);
}

// The median of a lognormal with mean 1 is exp(-spread^2 / 2).
TEST(StepTimes, LognormalTimesHaveTheirMedianAndSpread) {
  const StepTimes times{.tail = StepTimes::Tail::lognormal, .mean_ms = 1, .spread = 0.5};
  std::vector<double> all = times_of(times, 9);
  std::ranges::sort(all);
  EXPECT_NEAR(all[many / 2], std::exp(-0.125), 0.01);
  EXPECT_NEAR(all[many * 841 / 1000], std::exp(-0.125 + 0.5), 0.03);
}

TEST(StepTimes, ComeFromTheSeedAndStayTogether) {
  const StepTimes times{.tail = StepTimes::Tail::lognormal, .mean_ms = 1, .together = 8};
  EXPECT_EQ(times_of(times, 3), times_of(times, 3));
  EXPECT_NE(times_of(times, 3), times_of(times, 4));
  for (uint64_t step = 0; step < 8; ++step) {
    EXPECT_EQ(step_ms(times, 3, step), step_ms(times, 3, 0));
  }
  EXPECT_NE(step_ms(times, 3, 8), step_ms(times, 3, 7));
}

TEST(TimedEnvironment, IsTheOneInsideButSlower) {
  const StepTimes times{.tail = StepTimes::Tail::none, .mean_ms = 1};
  TimedEnvironment slow(std::make_unique<CartPole>(), times, 1);
  CartPole quick;
  std::vector<std::byte> one(slow.info().observation_bytes());
  std::vector<std::byte> other(one.size());
  slow.reset(4, one);
  quick.reset(4, other);
  const Stopwatch watch;
  for (int step = 0; step < 8; ++step) {
    EXPECT_EQ(one, other);
    EXPECT_EQ(slow.step(1, one).ending, quick.step(1, other).ending);
  }
  EXPECT_GE(watch.seconds(), 0.008) << "no step may come early";
}

TEST(TimedEnvironment, RefusesTimesThatMakeNoSense) {
  const StepTimes times{.tail = StepTimes::Tail::one_in, .mean_ms = 1, .one_in = 0};
  EXPECT_THROW(TimedEnvironment(std::make_unique<CartPole>(), times, 1), Error);
}

}  // namespace
}  // namespace podium::learn
