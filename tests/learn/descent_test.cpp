// Descent: steps beside the rules as they are written, rates, and a state that goes on exactly.
#include "learn/descent.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::learn {
namespace {

std::vector<float> random_vector(uint64_t seed, size_t count) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// Kingma & Ba 2015, algorithm 1.
TEST(Descent, IsAdamOfAGradientWhoseNormIsClipped) {
  constexpr size_t count = 50;
  DescentOptions options;
  options.lr = 0.01;
  options.most_norm = 2;
  Descent descent(options, count);
  std::vector<float> theta = random_vector(0, count);
  std::vector<double> expected(theta.begin(), theta.end());
  std::vector<double> mean(count);
  std::vector<double> squares(count);
  for (int step = 1; step <= 20; ++step) {
    const std::vector<float> gradient = random_vector(static_cast<uint64_t>(step), count);
    double norm = 0;
    for (const float g : gradient) norm += double{g} * g;
    norm = std::sqrt(norm);
    EXPECT_NEAR(descent.step(theta, gradient, 0), norm, 1e-5);
    ASSERT_GT(norm, 2);
    for (size_t i = 0; i < count; ++i) {
      const double g = gradient[i] * 2 / norm;
      mean[i] = 0.9 * mean[i] + 0.1 * g;
      squares[i] = 0.999 * squares[i] + 0.001 * g * g;
      expected[i] -= 0.01 * mean[i] / (1 - std::pow(0.9, step)) /
                     (std::sqrt(squares[i] / (1 - std::pow(0.999, step))) + 1e-5);
    }
  }
  for (size_t i = 0; i < count; ++i) EXPECT_NEAR(theta[i], expected[i], 1e-4) << i;
}

TEST(Descent, IsSgdWithNesterovMomentum) {
  DescentOptions options;
  options.rule = DescentOptions::Rule::sgd;
  options.lr = 0.1;
  options.most_norm = 0;
  Descent descent(options, 1);
  std::vector<float> theta{1};
  descent.step(theta, std::vector<float>{2}, 0);
  EXPECT_NEAR(theta[0], 1 - 0.1 * (2 + 0.9 * 2), 1e-6);
  const double before = theta[0];
  descent.step(theta, std::vector<float>{-1}, 0);
  const double velocity = 0.9 * 2 - 1;
  EXPECT_NEAR(theta[0], before - 0.1 * (-1 + 0.9 * velocity), 1e-6);
}

TEST(Descent, RatesStayOrFallToZero) {
  DescentOptions options;
  options.lr = 0.4;
  EXPECT_EQ(Descent(options, 1).rate(0.75), 0.4);
  options.decay = DescentOptions::Decay::linear;
  EXPECT_DOUBLE_EQ(Descent(options, 1).rate(0.75), 0.1);
  EXPECT_EQ(Descent(options, 1).rate(1.5), 0);
}

TEST(Descent, ARateOfZeroChangesNothing) {
  DescentOptions options;
  options.lr = 0;
  Descent descent(options, 3);
  std::vector<float> theta{1, 2, 3};
  descent.step(theta, std::vector<float>{1, -1, 5}, 0);
  EXPECT_EQ(theta, (std::vector<float>{1, 2, 3}));
}

TEST(Descent, GoesOnExactlyWhereItWasSaved) {
  constexpr size_t count = 40;
  Descent one({}, count);
  std::vector<float> theta = random_vector(0, count);
  for (uint64_t step = 1; step < 5; ++step) one.step(theta, random_vector(step, count), 0);
  ckpt::Snapshot state;
  state.buffers = one.save("policy");
  Descent other({}, count);
  other.load(state, "policy");
  std::vector<float> same = theta;
  for (uint64_t step = 5; step < 9; ++step) {
    one.step(theta, random_vector(step, count), 0);
    other.step(same, random_vector(step, count), 0);
  }
  EXPECT_EQ(theta, same);
  EXPECT_THROW(Descent({}, count + 1).load(state, "policy"), Error);
  EXPECT_THROW(other.load(state, "critic"), Error);
}

TEST(Descent, RefusesWhatIsNoNumber) {
  Descent descent({}, 2);
  std::vector<float> theta{1, 2};
  try {
    descent.step(theta, std::vector<float>{1, std::nanf("")}, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_NE(std::string(error.what()).find("diverged"), std::string::npos);
  }
  EXPECT_EQ(theta, (std::vector<float>{1, 2}));
  EXPECT_THROW(Descent({.lr = -1}, 2), Error);
  EXPECT_THROW(Descent({.beta2 = 1}, 2), Error);
}

}  // namespace
}  // namespace podium::learn
