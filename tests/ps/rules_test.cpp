// The rules, step after step, beside the same formulas in double precision.
#include "ps/rules.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "ps/shard.hpp"

namespace podium::ps {
namespace {

constexpr size_t values = 777;  // no multiple of any vector or block

// One value under a rule, as the papers have it.
struct Reference {
  double theta = 0, a = 0, b = 0;
  int t = 0;

  void update(const OptimizerOptions& o, double lr, double keep, double g) {
    ++t;
    switch (o.rule) {
      case Rule::sum:
        theta += g;
        break;
      case Rule::step_sum:
        theta = g;
        break;
      case Rule::sgd:
        theta = keep * theta - lr * g;
        break;
      case Rule::momentum:
        a = double{o.momentum} * a + g;
        theta = keep * theta - lr * (o.nesterov ? g + double{o.momentum} * a : a);
        break;
      case Rule::adagrad:
        a += g * g;
        theta = keep * theta - lr * g / (std::sqrt(a) + double{o.epsilon});
        break;
      case Rule::adam:
        a = double{o.beta1} * a + (1 - double{o.beta1}) * g;
        b = double{o.beta2} * b + (1 - double{o.beta2}) * g * g;
        theta = keep * theta -
                lr * (a / (1 - std::pow(double{o.beta1}, t))) /
                    (std::sqrt(b / (1 - std::pow(double{o.beta2}, t))) + double{o.epsilon});
        break;
    }
  }
};

std::vector<float> draws(uint64_t seed, size_t count) {
  Random random(seed);
  std::vector<float> drawn(count);
  for (float& value : drawn) value = static_cast<float>(random.normal());
  return drawn;
}

Pushed pushed(const Segment& segment, const std::vector<float>& gradients, float scale,
              float lr = -1) {
  Pushed push;
  push.scale = scale;
  push.lr = lr;
  push.segments = std::span(&segment, 1);
  push.values = std::as_bytes(std::span(gradients));
  return push;
}

class Rules : public testing::TestWithParam<OptimizerOptions> {};

TEST_P(Rules, FollowTheFormulasInDoublePrecision) {
  const OptimizerOptions options = GetParam();
  Shard shard({100, values}, options);
  const std::vector<float> start = draws(1, values);
  shard.set(0, start);
  std::vector<Reference> reference(values);
  for (size_t i = 0; i < values; ++i) reference[i].theta = start[i];
  constexpr float scale = 0.25F;
  for (uint64_t step = 0; step < 50; ++step) {
    // Some steps push to a part only, so that values are updated unequally often.
    const Segment segment = step % 3 == 2 ? Segment{100 + 33, 401} : Segment{100, values};
    const std::vector<float> gradients = draws(step + 2, segment.count);
    const float lr = step % 2 == 0 ? -1 : 0.03F;
    shard.push(pushed(segment, gradients, scale, lr));
    const double rate = lr < 0 ? options.lr : lr;
    const double keep = 1 - rate * double{options.weight_decay};
    for (size_t i = 0; i < segment.count; ++i) {
      reference[segment.first - 100 + i].update(options, rate, keep,
                                                double{scale} * double{gradients[i]});
    }
  }
  const std::span<const float> theta = shard.values({100, values});
  for (size_t i = 0; i < values; ++i) {
    ASSERT_NEAR(theta[i], reference[i].theta, 2e-5 * (1 + std::abs(reference[i].theta))) << i;
  }
}

OptimizerOptions of(Rule rule, float weight_decay = 0, bool nesterov = true) {
  OptimizerOptions options;
  options.rule = rule;
  options.weight_decay = weight_decay;
  options.nesterov = nesterov;
  return options;
}

INSTANTIATE_TEST_SUITE_P(All, Rules,
                         testing::Values(of(Rule::sum), of(Rule::step_sum), of(Rule::sgd),
                                         of(Rule::sgd, 0.1F), of(Rule::momentum, 0.01F),
                                         of(Rule::momentum, 0, false), of(Rule::adagrad),
                                         of(Rule::adam), of(Rule::adam, 0.1F)));

TEST(Rules, RatesAndDecayByRange) {
  OptimizerOptions options = of(Rule::sgd, 0.5F);
  options.lr = 1;
  options.ranges = {{3, 1, true}, {5, 2, false}, {10, 1, true}};
  Shard shard({2, 4}, options);  // values 2 to 5
  shard.set(0, std::vector<float>{8, 8, 8, 8});
  const std::vector<float> gradients(4, 1);
  const Segment segment{2, 4};
  shard.push(pushed(segment, gradients, 1));
  const std::span<const float> theta = shard.values(segment);
  EXPECT_EQ(std::vector<float>(theta.begin(), theta.end()), (std::vector<float>{3, 6, 6, 3}));
}

// A step adds up in the order of the workers' numbers, whoever pushes first.
TEST(Steps, HaveTheSameBitsInAnyOrderOfArrival) {
  const Segment all{0, values};
  std::vector<std::vector<float>> gradients;
  for (uint64_t w = 0; w < 5; ++w) gradients.push_back(draws(w + 100, values));
  std::vector<float> expected(values);
  for (size_t i = 0; i < values; ++i) {
    float sum = 0;
    for (const auto& of_worker : gradients) sum += of_worker[i];
    expected[i] = sum;
  }
  const std::vector<std::vector<uint32_t>> orders = {
      {0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};
  for (const auto& order : orders) {
    Shard shard(all, of(Rule::step_sum));
    for (int step = 0; step < 3; ++step) {  // sums are used again
      const auto clock = static_cast<uint32_t>(step);
      for (const uint32_t w : order) shard.hold(w, clock, pushed(all, gradients[w], 1));
      shard.commit(clock);
      const std::span<const float> theta = shard.values(all);
      ASSERT_EQ(std::vector<float>(theta.begin(), theta.end()), expected);
    }
    EXPECT_FALSE(shard.holds_any());
  }
}

TEST(Steps, ApplyTheRuleOnceAndOnlyWhereSomebodyPushed) {
  OptimizerOptions options = of(Rule::adagrad);
  options.lr = 1;
  Shard shard({0, 200}, options);
  const std::vector<float> ones(50, 1);
  const Segment low{10, 50};
  const Segment high{40, 50};
  shard.hold(1, 0, pushed(high, ones, 1));
  shard.hold(0, 0, pushed(low, ones, 1));
  EXPECT_EQ(shard.values({0, 1})[0], 0);
  shard.commit(0);
  for (size_t i = 0; i < 200; ++i) {
    const float expected = i >= 10 && i < 90 ? -1 : 0;  // g / sqrt(g²), of a sum of 1 or of 2
    ASSERT_NEAR(shard.values({i, 1})[0], expected, 1e-6) << i;
  }
}

TEST(Steps, AreForgottenForOneWorker) {
  Shard shard({0, 10}, of(Rule::sum));
  const std::vector<float> ones(10, 1);
  const Segment all{0, 10};
  shard.hold(0, 3, pushed(all, ones, 1));
  shard.hold(1, 3, pushed(all, ones, 1));
  shard.forget(1, 3);
  shard.commit(3);
  EXPECT_EQ(shard.values(all)[9], 1);
}

TEST(Shard, ComesBackFromItsDescription) {
  const Segment all{50, 300};
  Shard shard(all, of(Rule::adam));
  shard.set(0, draws(1, 300));
  const std::vector<float> gradients = draws(2, 300);
  shard.push(pushed(all, gradients, 1));
  const Segment part{100, 20};
  const std::vector<float> held(20, 2);
  shard.hold(3, 7, pushed(part, held, 1));

  std::vector<uint64_t> words;
  std::vector<std::span<const std::byte>> memory;
  shard.describe(words, memory);
  std::vector<std::byte> payload;
  for (const auto& piece : memory) payload.insert(payload.end(), piece.begin(), piece.end());
  Shard other(all, of(Rule::adam));
  std::span<const uint64_t> words_left = words;
  std::span<const std::byte> payload_left = payload;
  other.restore(words_left, payload_left);
  EXPECT_TRUE(words_left.empty());
  EXPECT_TRUE(payload_left.empty());
  for (Shard* each : {&shard, &other}) {
    each->commit(7);
    each->push(pushed(all, gradients, 1));
  }
  const std::span<const float> a = shard.values(all);
  const std::span<const float> b = other.values(all);
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));

  Shard misfit({50, 301}, of(Rule::adam));
  words_left = words;
  payload_left = payload;
  EXPECT_THROW(misfit.restore(words_left, payload_left), std::runtime_error);
}

}  // namespace
}  // namespace podium::ps
