// Objectives: gradients beside finite differences of the losses as they are defined, in double.
#include "learn/objective.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <ostream>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::learn {
namespace {

constexpr size_t kActions = 3;

// Steps whose policy has moved away from the behaviour, so that some are clipped, on both sides.
struct Steps {
  std::vector<float> logits;
  std::vector<int32_t> taken;
  std::vector<float> behaviour;
  std::vector<float> proximal;
  std::vector<float> advantages;

  Rows rows() const {
    return {static_cast<int>(kActions), logits, taken, behaviour, proximal, advantages};
  }
};

double log_softmax(const std::vector<double>& logits, size_t action) {
  double sum = 0;
  for (const double z : logits) sum += std::exp(z);
  return logits[action] - std::log(sum);
}

Steps random_steps(size_t count) {
  Random random(3);
  Steps steps;
  for (size_t row = 0; row < count; ++row) {
    std::vector<double> logits;
    for (size_t a = 0; a < kActions; ++a) {
      const auto z = static_cast<float>(random.normal());
      logits.push_back(z);
      steps.logits.push_back(z);
    }
    steps.taken.push_back(static_cast<int32_t>(random.below(kActions)));
    const double now = log_softmax(logits, static_cast<size_t>(steps.taken.back()));
    steps.behaviour.push_back(static_cast<float>(now + 0.4 * random.normal()));
    steps.proximal.push_back(static_cast<float>(now + 0.2 * random.normal()));
    steps.advantages.push_back(static_cast<float>(random.normal()));
  }
  return steps;
}

// The loss of one step by its logits. `now` is its ratio to the behaviour where that is a constant.
using Loss =
    std::function<double(const std::vector<double>& logits, const Steps&, size_t row, double now)>;

double entropy_of(const std::vector<double>& logits) {
  double entropy = 0;
  for (size_t a = 0; a < logits.size(); ++a) {
    const double log_p = log_softmax(logits, a);
    entropy -= std::exp(log_p) * log_p;
  }
  return entropy;
}

double log_p(const std::vector<double>& logits, const Steps& steps, size_t row) {
  return log_softmax(logits, static_cast<size_t>(steps.taken[row]));
}

double clipped(double ratio, double advantage) {
  return std::min(ratio * advantage, std::min(std::max(ratio, 0.8), 1.2) * advantage);
}

const Loss reinforce = [](const auto& z, const Steps& s, size_t row, double) {
  return -s.advantages[row] * log_p(z, s, row);
};
const Loss ppo = [](const auto& z, const Steps& s, size_t row, double) {
  return -clipped(std::exp(log_p(z, s, row)) / std::exp(s.behaviour[row]), s.advantages[row]);
};
// Hilton et al. 2022, equation 2.
const Loss decoupled = [](const auto& z, const Steps& s, size_t row, double) {
  const double proximal = std::exp(double{s.proximal[row]});
  return -proximal / std::exp(double{s.behaviour[row]}) *
         clipped(std::exp(log_p(z, s, row)) / proximal, s.advantages[row]);
};
const Loss vtrace = [](const auto& z, const Steps& s, size_t row, double now) {
  return -std::min(1.0, now) * s.advantages[row] * log_p(z, s, row);
};

struct Case {
  const char* name;
  Loss loss;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class Gradients : public testing::TestWithParam<Case> {};

TEST_P(Gradients, AreThoseOfTheLossAsItIsDefined) {
  const auto& [name, loss] = GetParam();
  constexpr size_t count = 200;
  constexpr double share = 0.25;
  const Steps steps = random_steps(count);
  ObjectiveOptions options;
  options.name = name;
  options.entropy = 0.03;
  std::vector<float> gradient(count * kActions);
  const ObjectiveSums sums = make_objective(options)->gradient(steps.rows(), share, gradient);

  double expected_loss = 0;
  for (size_t row = 0; row < count; ++row) {
    std::vector<double> logits(steps.logits.begin() + static_cast<ptrdiff_t>(row * kActions),
                               steps.logits.begin() + static_cast<ptrdiff_t>((row + 1) * kActions));
    const double now = std::exp(log_p(logits, steps, row) - steps.behaviour[row]);
    const auto whole = [&] {
      return loss(logits, steps, row, now) - options.entropy * entropy_of(logits);
    };
    expected_loss += whole();
    for (size_t a = 0; a < kActions; ++a) {
      constexpr double step = 1e-6;
      const double at = logits[a];
      logits[a] = at + step;
      const double above = whole();
      logits[a] = at - step;
      const double below = whole();
      logits[a] = at;
      EXPECT_NEAR(gradient[row * kActions + a], share * (above - below) / (2 * step), 2e-6)
          << name << ", row " << row << ", action " << a;
    }
  }
  EXPECT_NEAR(sums.loss, expected_loss, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, Gradients,
                         testing::Values(Case{"reinforce", reinforce}, Case{"ppo", ppo},
                                         Case{"decoupled_ppo", decoupled}, Case{"vtrace", vtrace}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Objective, CountsWhatItClips) {
  const size_t count = 200;
  const Steps steps = random_steps(count);
  double expected = 0;
  double kl = 0;
  double importance = 0;
  for (size_t row = 0; row < count; ++row) {
    const std::vector<double> logits(
        steps.logits.begin() + static_cast<ptrdiff_t>(row * kActions),
        steps.logits.begin() + static_cast<ptrdiff_t>((row + 1) * kActions));
    const double ratio = std::exp(log_p(logits, steps, row) - steps.behaviour[row]);
    const bool good = steps.advantages[row] > 0;
    expected += (good && ratio > 1.2) || (!good && ratio < 0.8) ? 1 : 0;
    kl += ratio - 1 - std::log(ratio);
    importance += ratio;
  }
  std::vector<float> gradient(count * kActions);
  const ObjectiveSums sums = make_objective({})->gradient(steps.rows(), 1, gradient);
  EXPECT_GT(expected, 20);
  EXPECT_EQ(sums.clipped, expected);
  EXPECT_NEAR(sums.kl, kl, 1e-4);
  EXPECT_NEAR(sums.importance, importance, 1e-4);
}

TEST(Objective, OnPolicyStepsHaveARatioOfExactlyOne) {
  Steps steps = random_steps(64);
  for (size_t row = 0; row < 64; ++row) {
    const std::vector<double> logits(
        steps.logits.begin() + static_cast<ptrdiff_t>(row * kActions),
        steps.logits.begin() + static_cast<ptrdiff_t>((row + 1) * kActions));
    steps.behaviour[row] = static_cast<float>(log_p(logits, steps, row));
  }
  std::vector<float> gradient(64 * kActions);
  const ObjectiveSums sums = make_objective({})->gradient(steps.rows(), 1, gradient);
  EXPECT_NEAR(sums.importance, 64, 1e-5);
  EXPECT_EQ(sums.clipped, 0);
}

TEST(CriticLoss, IsHalfTheSquaredError) {
  const std::vector<float> values{1, 2, -3};
  const std::vector<float> targets{1.5, 0, -3};
  std::vector<float> gradient(3);
  EXPECT_DOUBLE_EQ(critic_loss(values, targets, 0.5, gradient), 0.125 + 2);
  EXPECT_EQ(gradient, (std::vector<float>{-0.25, 1, 0}));
}

TEST(MakeObjective, RefusesWhatMakesNoSense) {
  EXPECT_THROW(make_objective({.name = "ppi"}), Error);
  EXPECT_THROW(make_objective({.discount = 1.01}), Error);
  EXPECT_THROW(make_objective({.gae_lambda = -0.1}), Error);
  EXPECT_THROW(make_objective({.entropy = std::nan("")}), Error);
}

}  // namespace
}  // namespace podium::learn
