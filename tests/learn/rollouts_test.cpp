// Rollouts: what stands where in an experience, that one goes on where the last ended, and seeds.
#include "learn/rollouts.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace podium::learn {
namespace {

// Counts its steps, shows (episode's seed, steps) and ends every fifth: in turn over and cut off.
class Counter final : public Environment {
 public:
  const EnvironmentInfo& info() const override { return info_; }
  void reset(uint64_t seed, std::span<std::byte> observation) override {
    seed_ = static_cast<float>(seed % 1000);
    steps_ = 0;
    ++episodes_;
    show(observation);
  }
  Outcome step(int action, std::span<std::byte> observation) override {
    ++steps_;
    show(observation);
    if (steps_ < 5) return {static_cast<float>(action), Ending::none};
    return {10, episodes_ % 2 == 1 ? Ending::terminal : Ending::truncated};
  }

 private:
  void show(std::span<std::byte> observation) const {
    const float values[] = {seed_, static_cast<float>(steps_)};
    std::memcpy(observation.data(), values, sizeof(values));
  }

  EnvironmentInfo info_{"counter", ObservationType::vector, {1, 1, 2}, 2, 0};
  float seed_ = 0;
  int steps_ = 0;
  int episodes_ = 0;
};

struct Seen {
  float seed;
  float step;
  bool operator==(const Seen&) const = default;
};

Seen seen(const Experience& experience, size_t t) {
  Seen values{};
  std::memcpy(&values, experience.observations.data() + t * sizeof(values), sizeof(values));
  return values;
}

Policy make_policy() {
  PolicyOptions options;
  options.architecture = "dense 4; relu; dense classes";
  return {Counter().info(), options, 1};
}

Rollouts make_rollouts(const RolloutOptions& options) {
  return {[](int) { return std::make_unique<Counter>(); }, options};
}

TEST(Rollouts, ExperiencesGoOnWhereTheLastOnesEnded) {
  Policy policy = make_policy();
  Rollouts rollouts = make_rollouts({.environments = 3, .steps = 4, .explorer = 6, .seed = 9});
  std::vector<std::vector<Experience>> all;
  for (uint64_t number = 0; number < 4; ++number) {
    all.push_back(rollouts.explore(policy, {number, 10 * number}, number));
    ASSERT_EQ(all.back().size(), 3u);
  }
  for (size_t i = 0; i < 3; ++i) {
    int step = 0;
    int episode = 0;
    double so_far = 0;
    for (uint64_t number = 0; number < 4; ++number) {
      const Experience& one = all[number][i];
      EXPECT_EQ(one.id, number * 3 + i);
      EXPECT_EQ(one.explorer, 6);
      EXPECT_EQ(one.rollout, number);
      EXPECT_EQ(one.version, (Version{number, 10 * number}));
      for (size_t t = 0; t < 4; ++t) {
        EXPECT_EQ(seen(one, t).step, static_cast<float>(step++));
        EXPECT_LT(one.log_probability[t], 0);
        so_far += one.rewards[t];
        if (step < 5) {
          EXPECT_EQ(one.ends[t], Ending::none);
          EXPECT_EQ(one.rewards[t], static_cast<float>(one.actions[t]));
        } else {
          EXPECT_EQ(one.ends[t], episode++ % 2 == 0 ? Ending::terminal : Ending::truncated);
          step = 0;
        }
      }
      EXPECT_EQ(seen(one, 4).step, static_cast<float>(step)) << "behind the last step";
      if (number > 0) {
        EXPECT_EQ(seen(all[number - 1][i], 4), seen(one, 0));
      }
    }
  }
  const std::vector<double> returns = rollouts.take_returns();
  EXPECT_EQ(returns.size(), 9u) << "16 steps of 3, an episode each 5";
  for (const double value : returns) EXPECT_GE(value, 10);
  EXPECT_TRUE(rollouts.take_returns().empty());
}

TEST(Rollouts, ComeFromTheSeedAndTheNumber) {
  const auto first = [](uint64_t seed, uint64_t number) {
    Policy policy = make_policy();
    Rollouts rollouts =
        make_rollouts({.environments = 8, .steps = 16, .explorer = 0, .seed = seed});
    return rollouts.explore(policy, {}, number);
  };
  const auto actions = [](const std::vector<Experience>& all) {
    std::vector<int32_t> joined;
    for (const Experience& one : all) {
      joined.insert(joined.end(), one.actions.begin(), one.actions.end());
    }
    return joined;
  };
  EXPECT_EQ(actions(first(1, 0)), actions(first(1, 0)));
  EXPECT_NE(actions(first(1, 0)), actions(first(2, 0)));
  EXPECT_NE(actions(first(1, 0)), actions(first(1, 1)));
  EXPECT_NE(seen(first(1, 0)[0], 0).seed, seen(first(1, 0)[1], 0).seed) << "each its own episodes";
}

TEST(Rollouts, BeginAnewWhenTold) {
  Policy policy = make_policy();
  Rollouts rollouts = make_rollouts({.environments = 1, .steps = 3, .explorer = 0, .seed = 1});
  rollouts.explore(policy, {}, 0);
  rollouts.begin_anew();
  EXPECT_EQ(seen(rollouts.explore(policy, {}, 1)[0], 0).step, 0);
}

TEST(Rollouts, LetTheirCallerLookInBetween) {
  Policy policy = make_policy();
  Rollouts rollouts = make_rollouts({.environments = 2, .steps = 7, .explorer = 0, .seed = 1});
  int calls = 0;
  rollouts.explore(policy, {}, 0, [&] { ++calls; });
  EXPECT_EQ(calls, 7);
}

// With weights of zero the first action is the likeliest: 4 steps worth 0 and one worth 10.
TEST(MeanReturn, IsOverAsManyEpisodesAsAskedFor) {
  Policy policy = make_policy();
  std::ranges::fill(policy.parameters(), 0.0F);
  std::vector<std::unique_ptr<Environment>> environments;
  for (int i = 0; i < 4; ++i) environments.push_back(std::make_unique<Counter>());
  EXPECT_EQ(mean_return(policy, environments, 10, 0), 10);
  EXPECT_EQ(mean_return(policy, environments, 2, 0), 10) << "fewer than there are environments";
}

}  // namespace
}  // namespace podium::learn
