// Learner: on-policy ratios, equal bits on all trainers, exact resume, and that it learns.
#include "learn/learner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "comm/inproc/inproc_world.hpp"
#include "core/error.hpp"
#include "learn/cartpole.hpp"
#include "learn/rollouts.hpp"

namespace podium::learn {
namespace {

LearnerOptions small_options(const std::string& objective = "ppo") {
  LearnerOptions options;
  options.policy.architecture = "dense 16; relu; dense classes";
  options.critic = "dense 16; relu; dense classes";
  options.objective.name = objective;
  options.descent.lr = 2e-3;
  options.epochs = 2;
  options.minibatches = 3;
  options.seed = 5;
  return options;
}

Rollouts poles(int environments, int steps, uint64_t seed = 1) {
  return {[](int) { return std::make_unique<CartPole>(); },
          {.environments = environments, .steps = steps, .explorer = 0, .seed = seed}};
}

// A learner that is alone.
class Alone {
 public:
  explicit Alone(const LearnerOptions& options)
      : world_(1, "learner"),
        group_(world_.communicator(0)),
        learner_(CartPole().info(), options, *group_) {}

  Learner& operator*() { return learner_; }
  Learner* operator->() { return &learner_; }
  std::vector<float> weights() {
    const std::span<const float> values = learner_.policy().parameters();
    return {values.begin(), values.end()};
  }

 private:
  comm::InprocWorld world_;
  std::unique_ptr<comm::Communicator> group_;
  Learner learner_;
};

class LearnerOf : public testing::TestWithParam<const char*> {};

// Staleness 0 is on-policy: the explorer's copy of the weights and the trainer's give each step the
// same probability, to the bit. Once the trainer is one update ahead they do not.
TEST_P(LearnerOf, StalenessZeroIsOnPolicy) {
  LearnerOptions options = small_options(GetParam());
  options.epochs = 1;
  options.minibatches = 1;
  options.descent.lr = 0.01;
  Alone learner(options);
  Policy explorer(CartPole().info(), options.policy, 99);
  Rollouts rollouts = poles(5, 40);
  for (uint64_t batch = 0; batch < 3; ++batch) {
    std::ranges::copy(learner->policy().parameters(), explorer.parameters().begin());
    const std::vector<Experience> made = rollouts.explore(explorer, {}, batch);
    const std::span<const Update> updates = learner->learn(made);
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].importance, 1.0F);
    EXPECT_EQ(updates[0].kl, 0);
    EXPECT_EQ(updates[0].clipped_share, 0);
    EXPECT_NE(learner->learn(made)[0].kl, 0) << "one update later the same steps are stale";
  }
}

TEST_P(LearnerOf, GoesOnExactlyWhereItWasSaved) {
  LearnerOptions options = small_options(GetParam());
  options.descent.decay = DescentOptions::Decay::linear;
  options.updates = 40;
  Alone one(options);
  Rollouts rollouts = poles(6, 16);
  const std::vector<Experience> first = rollouts.explore(one->policy(), {}, 0);
  one->learn(first);
  const ckpt::Snapshot state = one->save();
  const std::vector<Experience> second = rollouts.explore(one->policy(), {}, 1);
  one->learn(second);

  options.seed = 5;
  Alone other(options);
  other->restore(state);
  EXPECT_EQ(other->updates(), 6u);
  other->learn(second);
  EXPECT_EQ(one.weights(), other.weights());
  EXPECT_EQ(one->updates(), other->updates());
}

INSTANTIATE_TEST_SUITE_P(Objectives, LearnerOf,
                         testing::Values("reinforce", "ppo", "decoupled_ppo", "vtrace"));

// What `ranks` trainers make of the same 12 experiences, each of its share.
std::vector<std::vector<float>> trained_by(int ranks, const LearnerOptions& options) {
  Alone maker(options);
  Rollouts rollouts = poles(12, 16);
  const std::vector<Experience> made = rollouts.explore(maker->policy(), {}, 0);
  comm::InprocWorld world(ranks, "learners");
  std::vector<std::vector<float>> weights(static_cast<size_t>(ranks));
  std::vector<std::vector<Update>> updates(static_cast<size_t>(ranks));
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto group = world.communicator(rank);
      Learner learner(CartPole().info(), options, *group);
      const size_t share = made.size() / static_cast<size_t>(ranks);
      const auto mine = std::span(made).subspan(static_cast<size_t>(rank) * share, share);
      for (int round = 0; round < 3; ++round) {
        const std::span<const Update> taken = learner.learn(mine);
        updates[static_cast<size_t>(rank)].assign(taken.begin(), taken.end());
      }
      const std::span<const float> values = learner.policy().parameters();
      weights[static_cast<size_t>(rank)] = {values.begin(), values.end()};
    });
  }
  threads.clear();
  for (int rank = 1; rank < ranks; ++rank) {
    EXPECT_EQ(updates[0].back().loss, updates[static_cast<size_t>(rank)].back().loss);
  }
  return weights;
}

TEST(Learner, AllTrainersEndWithEqualBits) {
  const std::vector<std::vector<float>> weights = trained_by(3, small_options());
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_EQ(weights[0], weights[2]);
}

// With whole batches as minibatches their mean gradient is that of all experiences.
TEST(Learner, TrainersTogetherTakeTheStepsOfOne) {
  LearnerOptions options = small_options();
  options.minibatches = 1;
  const std::vector<float> one = trained_by(1, options)[0];
  const std::vector<float> three = trained_by(3, options)[0];
  const std::vector<float> initial = [&] {
    Alone alone(options);
    return alone.weights();
  }();
  double moved = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(one[i], three[i], 2e-4) << i;
    moved = std::max(moved, std::abs(double{one[i]} - initial[i]));
  }
  EXPECT_GT(moved, 5e-3);
}

TEST(Learner, EqualSeedsTakeEqualStepsAndOthersDoNot) {
  const auto weights = [](uint64_t seed) {
    LearnerOptions options = small_options();
    options.seed = seed;
    return trained_by(1, options)[0];
  };
  EXPECT_EQ(weights(1), weights(1));
  EXPECT_NE(weights(1), weights(2));
}

TEST(Learner, LearnsToKeepAPoleUpForAWhile) {
  LearnerOptions options = small_options();
  options.critic_lr = 5e-3;
  options.epochs = 4;
  options.minibatches = 4;
  Alone learner(options);
  Rollouts rollouts = poles(16, 32);
  for (uint64_t batch = 0; batch < 30; ++batch) {
    learner->learn(rollouts.explore(learner->policy(), {}, batch));
  }
  std::vector<std::unique_ptr<Environment>> environments;
  for (int i = 0; i < 20; ++i) environments.push_back(std::make_unique<CartPole>());
  EXPECT_GT(mean_return(learner->policy(), environments, 20, 1), 100) << "untrained: about 10";
}

TEST(Learner, SaysWhatIsMissing) {
  LearnerOptions options = small_options();
  options.critic = "";
  EXPECT_THROW(Alone{options}, Error);
  options.objective.name = "reinforce";
  EXPECT_NO_THROW(Alone{options});
  options.minibatches = 1000;
  Alone learner(options);
  Rollouts rollouts = poles(2, 8);
  EXPECT_THROW(learner->learn(rollouts.explore(learner->policy(), {}, 0)), Error);

  Alone with_critic(small_options());
  EXPECT_THROW(with_critic->restore(learner->save()), Error) << "there is no critic in it";
  ckpt::Snapshot state = with_critic->save();
  state.card.erase("updates");
  EXPECT_THROW(with_critic->restore(state), Error);
}

}  // namespace
}  // namespace podium::learn
