// SGD and the one-cycle schedule against closed forms.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "nn/one_cycle.hpp"
#include "nn/sgd.hpp"

namespace podium::nn {
namespace {

std::vector<BufferInfo> two_buffers() {
  return {{"weight", {3}, 0, 3, false, true}, {"bias", {2}, 3, 2, false, false}};
}

TEST(Sgd, ConstantGradientFollowsTheClosedForm) {
  // With g = 1: v_t = (1 - m^t) / (1 - m), and p falls by lr * (1 + m * v_t) at step t.
  constexpr double m = 0.9;
  constexpr double lr = 0.1;
  Sgd sgd(two_buffers(), 5, {0.9F, 0.0F});
  std::vector<float> p(5, 2.0F);
  const std::vector<float> g(5, 1.0F);
  double expected = 2.0;
  for (int t = 1; t <= 20; ++t) {
    sgd.step(p, g, 0.1F);
    const double v = (1 - std::pow(m, t)) / (1 - m);
    expected -= lr * (1 + m * v);
    for (const float each : p) ASSERT_NEAR(each, expected, 1e-5 * (1 + std::abs(expected)));
    ASSERT_NEAR(sgd.momentum_buffer()[4], v, 1e-5 * v);
  }
}

TEST(Sgd, DecayShrinksWeightsButNotBiases) {
  Sgd sgd(two_buffers(), 5, {0.9F, 0.5F});
  std::vector<float> p(5, 1.0F);
  const std::vector<float> zero(5, 0.0F);
  for (int t = 0; t < 3; ++t) sgd.step(p, zero, 0.1F);
  EXPECT_NEAR(p[0], std::pow(0.95, 3), 1e-6);
  EXPECT_NEAR(p[2], std::pow(0.95, 3), 1e-6);
  EXPECT_EQ(p[3], 1.0F);
  EXPECT_EQ(p[4], 1.0F);
}

TEST(Sgd, ShiftsOfBatchNormLearnAtTheirOwnRate) {
  std::vector<BufferInfo> buffers = two_buffers();
  buffers.push_back({"1.bn.shift", {2}, 5, 2, false, false});
  Sgd sgd(buffers, 7, {0.0F, 0.0F, 8.0F});
  std::vector<float> p(7, 1.0F);
  const std::vector<float> g(7, 1.0F);
  sgd.step(p, g, 0.01F);
  EXPECT_FLOAT_EQ(p[0], 0.99F);
  EXPECT_FLOAT_EQ(p[4], 0.99F);
  EXPECT_FLOAT_EQ(p[5], 0.92F);
  EXPECT_FLOAT_EQ(p[6], 0.92F);
}

TEST(Sgd, ReachesTheMinimumOfAQuadratic) {
  Sgd sgd(two_buffers(), 5, {0.9F, 0.0F});
  std::vector<float> p = {5, -3, 2, 8, 1};
  for (int t = 0; t < 400; ++t) {
    const std::vector<float> g = p;
    sgd.step(p, g, 0.05F);
  }
  for (const float each : p) EXPECT_NEAR(each, 0.0, 1e-4);
}

TEST(Sgd, RefusesWrongOptionsAndSizes) {
  EXPECT_THROW(Sgd({}, 0, {1.0F, 0.0F}), Error);
  EXPECT_THROW(Sgd({}, 0, {0.9F, -1.0F}), Error);
  EXPECT_THROW(Sgd({}, 0, {0.9F, 0.0F, 0.0F}), Error);
  Sgd sgd(two_buffers(), 5, {});
  std::vector<float> short_one(4);
  EXPECT_THROW(sgd.step(short_one, short_one, 0.1F), Error);
}

TEST(OneCycle, RisesToThePeakAndFallsToTheEnd) {
  const OneCycle schedule(0.4, 100, {0.25, 0.1, 0.001});
  EXPECT_NEAR(schedule.at(0), 0.04, 1e-12);
  EXPECT_NEAR(schedule.at(24), 0.4, 1e-12);
  EXPECT_NEAR(schedule.at(12), 0.22, 1e-12);  // half-way up: the mean of 0.04 and 0.4
  EXPECT_NEAR(schedule.at(99), 0.0004, 1e-12);
  EXPECT_NEAR(schedule.at(1000), 0.0004, 1e-12);
  for (int64_t t = 0; t < 24; ++t) EXPECT_LT(schedule.at(t), schedule.at(t + 1));
  for (int64_t t = 24; t < 99; ++t) EXPECT_GT(schedule.at(t), schedule.at(t + 1));
}

TEST(OneCycle, FallsAsACosine) {
  const OneCycle schedule(1.0, 101, {0.0, 0.5, 0.0});
  for (int64_t t = 0; t <= 100; ++t) {
    const double share = static_cast<double>(t) / 100;
    EXPECT_NEAR(schedule.at(t), 0.5 * (1 + std::cos(std::numbers::pi * share)), 1e-12);
  }
}

TEST(OneCycle, WorksForVeryFewSteps) {
  EXPECT_DOUBLE_EQ(OneCycle(0.3, 1).at(0), 0.3);
  EXPECT_DOUBLE_EQ(OneCycle(0.3, 2).at(0), 0.3);
  for (int64_t steps = 1; steps < 12; ++steps) {
    const OneCycle schedule(0.3, steps);
    for (int64_t t = 0; t < steps; ++t) {
      EXPECT_GT(schedule.at(t), 0.0);
      EXPECT_LE(schedule.at(t), 0.3);
    }
  }
}

TEST(OneCycle, RefusesWhatIsNoSchedule) {
  EXPECT_THROW(OneCycle(0.0, 10), Error);
  EXPECT_THROW(OneCycle(std::nan(""), 10), Error);
  EXPECT_THROW(OneCycle(0.1, 0), Error);
  EXPECT_THROW(OneCycle(0.1, 10, {1.0, 0.1, 0.1}), Error);
}

}  // namespace
}  // namespace podium::nn
