// The methods behind their seam: that they learn what there is to learn, that they go on from a
// state as if nothing had happened, and that their steps are those of the papers.
#include "search/method.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/error.hpp"

namespace podium::search {
namespace {

constexpr const char* text = "conv {4|8|16} {1|3|5}; anchor; conv 4 {1|3}; anchor; dense classes";

// The share of choices that are a wanted one.
double reward_of(const Choices& choices) {
  const Choices wanted = {2, 1, 0, 1};
  double right = 0;
  for (size_t i = 0; i < wanted.size(); ++i) right += choices[i] == wanted[i] ? 0.25 : 0;
  return right;
}

struct Search {
  explicit Search(const MethodOptions& options)
      : space(Space::parse(text)),
        theta(Controller(space, options.reinforce.controller).initial(options.seed)),
        method(make_method(options, space, &theta)) {}

  std::vector<Choices> step(size_t count) {
    const std::vector<Choices> proposals = method->propose(count);
    std::vector<Sample> samples;
    for (const Choices& choices : proposals) samples.push_back({choices, reward_of(choices)});
    method->learn(samples);
    return proposals;
  }

  double mean_reward(int steps) {
    double sum = 0;
    for (int i = 0; i < steps; ++i) {
      for (const Choices& choices : step(4)) sum += reward_of(choices) / (4 * steps);
    }
    return sum;
  }

  Space space;
  LocalTheta theta;
  std::unique_ptr<Method> method;
};

MethodOptions named(const std::string& name) {
  MethodOptions options;
  options.name = name;
  options.evolution = {20, 5};
  return options;
}

class AnyMethod : public testing::TestWithParam<const char*> {};

TEST_P(AnyMethod, ProposesNetworksOfTheSpace) {
  Search search(named(GetParam()));
  for (int i = 0; i < 20; ++i) {
    for (const Choices& choices : search.step(3)) ASSERT_TRUE(search.space.contains(choices));
    EXPECT_GE(search.method->entropy(), 0);
    EXPECT_LE(search.method->entropy(), std::log(search.space.networks()) + 1e-9);
  }
}

// JSON, by which it travels, knows no infinity.
TEST(Methods, EntropyIsFiniteWhereTheNumberOfNetworksIsNot) {
  std::string widths = "1";
  for (int width = 2; width <= 64; ++width) widths += "|" + std::to_string(width);
  const Space space = Space::parse("repeat 200 { dense {" + widths + "} }; dense classes");
  ASSERT_TRUE(std::isinf(space.networks()));
  for (const char* name : {"random", "evolution"}) {
    EXPECT_NEAR(make_method(named(name), space, nullptr)->entropy(), 200 * std::log(64), 1e-6);
  }
}

TEST_P(AnyMethod, IsDeterministic) {
  Search one(named(GetParam()));
  Search other(named(GetParam()));
  MethodOptions options = named(GetParam());
  options.replica = 1;
  Search replica(options);
  std::vector<Choices> ours;
  std::vector<Choices> theirs;
  for (int i = 0; i < 10; ++i) {
    const std::vector<Choices> proposals = one.step(4);
    ASSERT_EQ(proposals, other.step(4));
    ours.insert(ours.end(), proposals.begin(), proposals.end());
    for (Choices& choices : replica.step(4)) theirs.push_back(std::move(choices));
  }
  EXPECT_NE(ours, theirs);
}

// Also between a proposal and its rewards.
TEST_P(AnyMethod, GoesOnFromItsState) {
  Search search(named(GetParam()));
  for (int i = 0; i < 12; ++i) search.step(4);
  const std::vector<Choices> open = search.method->propose(4);
  Search resumed(named(GetParam()));
  resumed.theta.resume(nlohmann::ordered_json::parse(search.theta.state().dump()));
  resumed.method->resume(nlohmann::ordered_json::parse(search.method->state().dump()));
  std::vector<Sample> samples;
  for (const Choices& choices : open) samples.push_back({choices, reward_of(choices)});
  search.method->learn(samples);
  resumed.method->learn(samples);
  for (int i = 0; i < 12; ++i) ASSERT_EQ(search.step(4), resumed.step(4));
}

TEST_P(AnyMethod, RefusesStatesOfOthers) {
  Search search(named(GetParam()));
  EXPECT_THROW(search.method->resume({{"method", "another"}, {"proposed", 3}}), Error);
  EXPECT_THROW(search.method->resume({{"method", GetParam()}}), Error);
  EXPECT_THROW(search.method->resume(3), Error);
}

INSTANTIATE_TEST_SUITE_P(All, AnyMethod, testing::Values("reinforce", "random", "evolution"));

TEST(Methods, ReinforceAndEvolutionLearnAndRandomDoesNot) {
  constexpr double chance = (1 / 3.0 + 1 / 3.0 + 1 / 2.0 + 1 / 2.0) / 4;
  Search reinforce(named("reinforce"));
  reinforce.mean_reward(150);
  EXPECT_GT(reinforce.mean_reward(25), 0.9);
  // Each child differs from a good parent in one of four choices.
  Search evolution(named("evolution"));
  evolution.mean_reward(150);
  EXPECT_GT(evolution.mean_reward(25), 0.6);
  Search search(named("random"));
  EXPECT_NEAR(search.mean_reward(200), chance, 0.05);
}

// Keeps what is pushed.
class Recorder final : public ThetaStore {
 public:
  explicit Recorder(std::vector<float> theta) : theta_(std::move(theta)) {}
  void pull(std::span<float> theta) override { std::ranges::copy(theta_, theta.begin()); }
  void push(std::span<const float> gradient) override {
    pushed.emplace_back(gradient.begin(), gradient.end());
  }

  std::vector<std::vector<float>> pushed;

 private:
  std::vector<float> theta_;
};

class ReinforceStep : public testing::TestWithParam<bool> {};

TEST_P(ReinforceStep, IsTheMeanOverTheChildrenAgainstTheMovingBaseline) {
  const Space space = Space::parse(text);
  MethodOptions options = named("reinforce");
  options.reinforce.entropy = 0.02;
  options.reinforce.baseline = 0.6;
  options.reinforce.cubed = GetParam();
  Controller controller(space, options.reinforce.controller);
  const std::vector<float> theta = controller.initial(9);
  controller.load(theta);
  Recorder store(theta);
  const auto method = make_method(options, space, &store);
  const auto reward = [](double accuracy) {
    return GetParam() ? accuracy * accuracy * accuracy : accuracy;
  };
  const std::vector<std::vector<Sample>> rounds = {
      {{{0, 1, 0, 1}, 0.8}, {{2, 2, 1, 0}, 0.6}, {{1, 0, 0, 0}, 0}}, {{{1, 1, 1, 1}, 0.9}}};
  const double first =
      (reward(0.8) + reward(0.6)) / 3;  // the baseline of the first round is its mean
  const std::vector<double> baselines = {first, first};
  for (size_t round = 0; round < rounds.size(); ++round) {
    method->propose(rounds[round].size());
    method->learn(rounds[round]);
    ASSERT_EQ(store.pushed.size(), round + 1);
    const double share = 1.0 / static_cast<double>(rounds[round].size());
    std::vector<double> ascent(controller.parameter_count(), 0.0);
    for (const Sample& sample : rounds[round]) {
      controller.add_gradient(sample.choices, share * (reward(sample.reward) - baselines[round]),
                              share * 0.02, ascent);
    }
    for (size_t i = 0; i < ascent.size(); ++i) {
      ASSERT_NEAR(store.pushed[round][i], -ascent[i], 1e-7);
    }
  }
  // After the second round the baseline has moved by the new reward's share.
  const nlohmann::ordered_json state = method->state();
  EXPECT_NEAR(state.at("baseline").get<double>(), 0.6 * first + 0.4 * reward(0.9), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Rewards, ReinforceStep, testing::Bool());

TEST(Reinforce, PushesNothingWithoutSamples) {
  const Space space = Space::parse(text);
  Recorder store(Controller(space, {}).initial(1));
  const auto method = make_method(named("reinforce"), space, &store);
  method->propose(4);
  method->learn({});
  EXPECT_TRUE(store.pushed.empty());
}

int differences(const Choices& a, const Choices& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0, std::plus<>(), std::not_equal_to<>());
}

TEST(Evolution, ChildrenAreTheBestWithOneChoiceChanged) {
  const Space space = Space::parse(text);
  MethodOptions options = named("evolution");
  options.evolution = {4, 4};
  const auto method = make_method(options, space, nullptr);
  const Choices best = {2, 1, 0, 1};
  method->learn(std::vector<Sample>{
      {{0, 0, 0, 0}, 0.1}, {best, 0.9}, {{1, 1, 1, 1}, 0.2}, {{2, 2, 1, 1}, 0.3}});
  int of_best = 0;
  std::set<Choices> different;
  for (const Choices& child : method->propose(200)) {
    of_best += differences(child, best) == 1 ? 1 : 0;
    different.insert(child);
  }
  EXPECT_GT(of_best, 100);  // 1 - (3/4)^4 of the tournaments
  EXPECT_GT(different.size(), 5u);
}

TEST(Evolution, TheOldestLeavesHoweverGood) {
  const Space space = Space::parse(text);
  MethodOptions options = named("evolution");
  options.evolution = {2, 2};
  const auto method = make_method(options, space, nullptr);
  const Choices best = {2, 1, 0, 1};
  method->learn(std::vector<Sample>{{best, 0.9}, {{0, 0, 0, 0}, 0.1}, {{0, 0, 1, 0}, 0.2}});
  const auto members = method->state().at("population");
  ASSERT_EQ(members.size(), 2u);
  for (const auto& member : members) EXPECT_NE(member.at("choices").get<Choices>(), best);
}

TEST(Methods, RefuseWhatMakesNoSense) {
  const Space space = Space::parse(text);
  const auto refused = [&](const MethodOptions& options) {
    LocalTheta theta(Controller(space, {}).initial(1));
    try {
      make_method(options, space, &theta);
    } catch (const Error& error) {
      return error.code() == ExitCode::usage;
    }
    return false;
  };
  EXPECT_TRUE(refused(named("reinforced")));
  MethodOptions options = named("evolution");
  options.evolution = {1, 1};
  EXPECT_TRUE(refused(options));
  options.evolution = {5, 6};
  EXPECT_TRUE(refused(options));
  options = named("reinforce");
  options.reinforce.baseline = 1;
  EXPECT_TRUE(refused(options));
  options = named("reinforce");
  options.reinforce.entropy = -1;
  EXPECT_TRUE(refused(options));
}

}  // namespace
}  // namespace podium::search
