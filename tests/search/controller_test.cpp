// The controller against what probability and calculus say of it: its probabilities sum to one over
// a space, its samples follow them, and its gradients are those of central differences.
#include "search/controller.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.hpp"

namespace podium::search {
namespace {

// Picks of different sizes before, between and behind four anchors.
constexpr const char* mixed =
    "conv {4|8|16} 3; anchor; conv 4 {1|3}; anchor; bn; anchor; conv {4|8} 1; anchor; dense "
    "classes";

ControllerOptions small(double tanh = 2.5, double temperature = 1.7) {
  ControllerOptions options;
  options.units = 5;
  options.tanh = tanh;
  options.temperature = temperature;
  return options;
}

// Far from the start, where most things are nearly zero.
Controller strong_controller(const Space& space, const ControllerOptions& options,
                             double size = 0.8) {
  Controller controller(space, options);
  Random random(17);
  for (double& value : controller.theta()) value = size * random.normal();
  return controller;
}

struct How {
  double tanh;
  double temperature;
  double advantage;
  double entropy;
  int layers;
};

class ControllerGradient : public testing::TestWithParam<How> {};

TEST_P(ControllerGradient, MatchesCentralDifferences) {
  const How how = GetParam();
  const Space space = Space::parse(mixed);
  ControllerOptions options = small(how.tanh, how.temperature);
  options.layers = how.layers;
  Controller controller = strong_controller(space, options);
  const auto objective = [&](const Choices& choices) {
    const Judgement judgement = controller.judge(choices);
    return how.advantage * judgement.log_probability + how.entropy * judgement.entropy;
  };
  for (const Choices& choices : {Choices{2, 1, 0, 1, 1, 0, 1, 1, 0}, Choices(9, 0)}) {
    ASSERT_TRUE(space.contains(choices));
    std::vector<double> gradient(controller.parameter_count(), 0.0);
    controller.add_gradient(choices, how.advantage, how.entropy, gradient);
    for (const nn::BufferInfo& buffer : controller.buffers()) {
      for (size_t i = buffer.offset; i < buffer.offset + buffer.count; ++i) {
        constexpr double step = 1e-5;
        double& value = controller.theta()[i];
        const double start = value;
        value = start + step;
        const double above = objective(choices);
        value = start - step;
        const double below = objective(choices);
        value = start;
        ASSERT_NEAR(gradient[i], (above - below) / (2 * step), 1e-8)
            << buffer.name << ", " << i - buffer.offset;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Hows, ControllerGradient,
                         testing::Values(How{2.5, 1.7, 1, 0, 2}, How{0, 1, -0.7, 0, 2},
                                         How{2.5, 1, 0, 1, 2}, How{0, 0.6, 0, 1, 1},
                                         How{1.1, 3, 0.4, -0.3, 3}));

TEST(Controller, GradientsAddUp) {
  const Space space = Space::parse(mixed);
  Controller controller = strong_controller(space, small());
  std::vector<double> once(controller.parameter_count(), 0.0);
  std::vector<double> twice = once;
  controller.add_gradient(Choices(9, 0), 1, 0, once);
  controller.add_gradient(Choices(9, 0), 0.5, 0, twice);
  controller.add_gradient(Choices(9, 0), 0.5, 0, twice);
  for (size_t i = 0; i < once.size(); ++i) ASSERT_NEAR(once[i], twice[i], 1e-14);
}

TEST(Controller, EveryPartOfThetaCounts) {
  const Space space = Space::parse(mixed);
  Controller controller = strong_controller(space, small());
  std::vector<double> gradient(controller.parameter_count(), 0.0);
  for (uint64_t index = 0; index < 64; ++index) {
    controller.add_gradient(space.choices_of(index * 11), 1, 0, gradient);
  }
  size_t behind = 0;  // buffers lie one after the other
  for (const nn::BufferInfo& buffer : controller.buffers()) {
    EXPECT_EQ(buffer.offset, behind);
    behind += buffer.count;
    double size = 0;
    for (size_t i = 0; i < buffer.count; ++i) size += std::abs(gradient[buffer.offset + i]);
    EXPECT_GT(size, 0) << buffer.name;
  }
  EXPECT_EQ(behind, controller.parameter_count());
}

TEST(Controller, ProbabilitiesOfASpaceSumToOne) {
  const Space space = Space::parse(mixed);
  Controller controller = strong_controller(space, small(0, 1));
  double sum = 0;
  double surprise = 0;  // its mean is the entropy of the choices, not of one walk's distributions
  double entropy = 0;
  for (uint64_t index = 0; index < static_cast<uint64_t>(space.networks()); ++index) {
    const Judgement judgement = controller.judge(space.choices_of(index));
    const double p = std::exp(judgement.log_probability);
    sum += p;
    surprise -= p * judgement.log_probability;
    entropy += p * judgement.entropy;
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  // By the chain rule the two are equal in the mean.
  EXPECT_NEAR(surprise, entropy, 1e-12);
}

TEST(Controller, SamplesByItsProbabilities) {
  const Space space = Space::parse("conv {4|8|16} 3; anchor; bn; anchor; dense classes");
  Controller controller = strong_controller(space, small(0, 1), 1.5);
  constexpr int draws = 40000;
  std::map<Choices, int> counts;
  for (uint64_t i = 0; i < draws; ++i) {
    Random random(3, i);
    Judgement judgement;
    const Choices choices = controller.sample(random, &judgement);
    ++counts[choices];
    const Judgement again = controller.judge(choices);
    ASSERT_EQ(judgement.log_probability, again.log_probability);
    ASSERT_EQ(judgement.entropy, again.entropy);
  }
  for (uint64_t index = 0; index < 6; ++index) {
    const Choices choices = space.choices_of(index);
    const double p = std::exp(controller.judge(choices).log_probability);
    EXPECT_NEAR(counts[choices] / static_cast<double>(draws), p, 5 * std::sqrt(p / draws));
  }
}

TEST(Controller, TheTanhConstantBoundsAndTemperatureFlattens) {
  const Space space = Space::parse("conv {4|8} 3; dense classes");
  const auto chance = [&](double tanh, double temperature) {
    Controller controller = strong_controller(space, small(tanh, temperature), 20);
    return std::exp(
        std::max(controller.judge({0}).log_probability, controller.judge({1}).log_probability));
  };
  const double bound = 1 / (1 + std::exp(-2 * 0.5));  // logits 0.5 and -0.5
  EXPECT_LE(chance(0.5, 1), bound + 1e-12);
  EXPECT_GT(chance(0, 1), 0.99);
  EXPECT_LT(chance(0, 1000), 0.6);
}

TEST(Controller, BeginsNearlyUniform) {
  const Space space = Space::parse(mixed);
  Controller controller(space, {});
  EXPECT_EQ(controller.initial(4), controller.initial(4));
  EXPECT_NE(controller.initial(4), controller.initial(5));
  controller.load(controller.initial(4));
  for (const float value : controller.initial(4)) ASSERT_LE(std::abs(value), 0.08F);
  EXPECT_NEAR(controller.judge(Choices(9, 0)).entropy, std::log(space.networks()), 0.05);
}

TEST(Controller, RefusesWhatMakesNoSense) {
  const Space space = Space::parse(mixed);
  ControllerOptions options;
  options.units = 0;
  EXPECT_THROW(Controller(space, options), Error);
  options = {};
  options.temperature = 0;
  EXPECT_THROW(Controller(space, options), Error);
  options = {};
  options.tanh = -1;
  EXPECT_THROW(Controller(space, options), Error);
  Controller controller(space, {});
  EXPECT_THROW(controller.load(std::vector<float>(3)), Error);
}

}  // namespace
}  // namespace podium::search
