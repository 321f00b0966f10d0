// CartPole: its motion beside the equations of motion and the published program, and how it ends.
#include "learn/cartpole.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::learn {
namespace {

std::array<float, 4> seen(std::span<const std::byte> observation) {
  std::array<float, 4> values{};
  std::memcpy(values.data(), observation.data(), sizeof(values));
  return values;
}

// Newton's equations for cart and pole, as two linear equations in both accelerations:
//   (M+m) x'' + m l cos(t) t'' = F + m l t'^2 sin(t)
//   cos(t) x'' + 4/3 l t''     = g sin(t)
CartPole::State by_newton(const CartPole::State& s, int action) {
  const double force = action == 1 ? 10 : -10;
  const double a = 1.1;
  const double b = 0.05 * std::cos(s[2]);
  const double c = std::cos(s[2]);
  const double d = 4.0 / 3 * 0.5;
  const double right = force + 0.05 * s[3] * s[3] * std::sin(s[2]);
  const double lower = 9.8 * std::sin(s[2]);
  const double determinant = a * d - b * c;
  const double x_acc = (right * d - b * lower) / determinant;
  const double angle_acc = (a * lower - c * right) / determinant;
  return {s[0] + 0.02 * s[1], s[1] + 0.02 * x_acc, s[2] + 0.02 * s[3], s[3] + 0.02 * angle_acc};
}

TEST(CartPole, MovesByTheEquationsOfMotion) {
  Random random(7);
  for (int i = 0; i < 1000; ++i) {
    CartPole::State state{};
    for (double& value : state) value = 2 * random.uniform() - 1;
    const int action = i % 2;
    const CartPole::State ours = CartPole::after(state, action);
    const CartPole::State theirs = by_newton(state, action);
    for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(ours[k], theirs[k], 1e-12) << i << " " << k;
  }
}

// Made by gym/envs/classic_control/cartpole.py of OpenAI Gym.
TEST(CartPole, MovesAsThePublishedProgramDoes) {
  CartPole::State state{0.01, -0.02, 0.03, 0.04};
  for (const int action : {1, 1, 0, 1, 0, 0, 0, 1}) state = CartPole::after(state, action);
  const CartPole::State expected{0.030036403156414718, -0.021552939941453797, 0.005197242565903231,
                                 0.07423737516925016};
  for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(state[k], expected[k], 1e-12) << k;

  state = {0.01, -0.02, 0.03, 0.04};
  int steps = 0;
  for (; !CartPole::fallen(state); ++steps) state = CartPole::after(state, 1);
  EXPECT_EQ(steps, 10);
}

TEST(CartPole, FallsAtTheLimitsOfPositionAndAngle) {
  EXPECT_FALSE(CartPole::fallen({2.4, 9, 0.2094, -9}));
  EXPECT_TRUE(CartPole::fallen({2.4001, 0, 0, 0}));
  EXPECT_TRUE(CartPole::fallen({-2.4001, 0, 0, 0}));
  EXPECT_TRUE(CartPole::fallen({0, 0, 0.2095, 0}));
  EXPECT_TRUE(CartPole::fallen({0, 0, -0.2095, 0}));
}

TEST(CartPole, BeginsNearUprightAndBySeed) {
  CartPole pole;
  std::vector<std::byte> observation(pole.info().observation_bytes());
  std::vector<std::byte> again(observation.size());
  float least = 1;
  float most = -1;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    pole.reset(seed, observation);
    for (const float value : seen(observation)) {
      least = std::min(least, value);
      most = std::max(most, value);
    }
    CartPole other;
    other.reset(seed, again);
    EXPECT_EQ(observation, again);
  }
  EXPECT_GE(least, -0.05F);
  EXPECT_LT(most, 0.05F);
  EXPECT_LT(least, -0.049F);
  EXPECT_GT(most, 0.049F);
}

TEST(CartPole, IsOverWhenThePoleFalls) {
  CartPole pole;
  std::vector<std::byte> observation(pole.info().observation_bytes());
  pole.reset(1, observation);
  Outcome outcome;
  int steps = 0;
  do {
    outcome = pole.step(1, observation);
    EXPECT_EQ(outcome.reward, 1.0F);
    ++steps;
  } while (outcome.ending == Ending::none);
  EXPECT_EQ(outcome.ending, Ending::terminal);
  EXPECT_LT(steps, 20);
  EXPECT_THROW(pole.step(1, observation), Error) << "the episode is over";
}

// Pushing against where the pole will be keeps it up as long as one likes.
TEST(CartPole, IsCutOffAfterFiveHundredSteps) {
  CartPole pole;
  std::vector<std::byte> observation(pole.info().observation_bytes());
  pole.reset(3, observation);
  for (int step = 1; step <= 500; ++step) {
    const auto [x, v, angle, turning] = seen(observation);
    const bool right = angle + 0.3F * turning + 0.02F * x + 0.05F * v > 0;
    const Outcome outcome = pole.step(right ? 1 : 0, observation);
    ASSERT_EQ(outcome.ending, step < 500 ? Ending::none : Ending::truncated) << step;
  }
}

}  // namespace
}  // namespace podium::learn
