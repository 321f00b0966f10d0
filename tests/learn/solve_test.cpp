// Whether tasks are learnt: CartPole to its mark, and images from nothing but right or wrong, also
// by experiences of policies that are several batches old.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <ostream>
#include <vector>

#include "comm/inproc/inproc_world.hpp"
#include "learn/cartpole.hpp"
#include "learn/image_bandit.hpp"
#include "learn/learner.hpp"
#include "learn/rollouts.hpp"
#include "train/training_fixture.hpp"

namespace podium::learn {
namespace {

using MakeEnvironment = std::function<std::unique_ptr<Environment>(int)>;

// Learns `batches` batches; the policy that acts is always `behind` batches old.
class Learning {
 public:
  Learning(const MakeEnvironment& make, const LearnerOptions& options,
           const RolloutOptions& rollouts)
      : world_(1, "learner"),
        group_(world_.communicator(0)),
        learner_(make(0)->info(), options, *group_),
        explorer_(make(0)->info(), options.policy, options.seed),
        rollouts_(make, rollouts) {}

  void learn(uint64_t batches, size_t behind) {
    std::deque<std::vector<float>> weights;
    for (uint64_t batch = 0; batch < batches; ++batch) {
      const std::span<const float> newest = learner_.policy().parameters();
      weights.emplace_back(newest.begin(), newest.end());
      if (weights.size() > behind + 1) weights.pop_front();
      std::ranges::copy(weights.front(), explorer_.parameters().begin());
      learner_.learn(rollouts_.explore(explorer_, {}, batch));
    }
  }

  double mean_return(const MakeEnvironment& make, int episodes) {
    std::vector<std::unique_ptr<Environment>> environments;
    for (int i = 0; i < 50; ++i) environments.push_back(make(i));
    return learn::mean_return(learner_.policy(), environments, episodes, 0);
  }

 private:
  comm::InprocWorld world_;
  std::unique_ptr<comm::Communicator> group_;
  Learner learner_;
  Policy explorer_;
  Rollouts rollouts_;
};

struct Case {
  const char* objective;
  size_t behind;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.objective << ", " << c.behind << " behind";
}

class CartPoleIsSolved : public testing::TestWithParam<Case> {};

// As inputs/cartpole.cfg has it.
TEST_P(CartPoleIsSolved, ToAMeanReturnOf475) {
  LearnerOptions options;
  options.policy.architecture = "dense 64; relu; dense classes";
  options.critic = options.policy.architecture;
  options.objective.name = GetParam().objective;
  options.descent.lr = 2e-3;
  options.critic_lr = 5e-3;
  options.descent.decay = DescentOptions::Decay::linear;
  options.epochs = 4;
  options.minibatches = 4;
  options.updates = 150 * 16;
  options.seed = 1;
  const MakeEnvironment make = [](int) { return std::make_unique<CartPole>(); };
  Learning learning(make, options, {.environments = 16, .steps = 64, .explorer = 0, .seed = 1});
  learning.learn(150, GetParam().behind);
  EXPECT_GE(learning.mean_return(make, 100), 475);
}

INSTANTIATE_TEST_SUITE_P(Cases, CartPoleIsSolved,
                         testing::Values(Case{"ppo", 0}, Case{"ppo", 4}, Case{"decoupled_ppo", 1},
                                         Case{"decoupled_ppo", 4}),
                         [](const auto& test) {
                           return std::string(test.param.objective) + "_" +
                                  std::to_string(test.param.behind) + "_behind";
                         });

TEST(ImageBanditIsLearnt, FromNothingButRightOrWrong) {
  const test::SyntheticCache cache;
  const auto dataset = std::make_shared<io::Dataset>(cache.open());
  LearnerOptions options;
  options.policy.architecture = "dense 32; relu; dense classes";
  options.critic = options.policy.architecture;
  options.objective.discount = 0;
  options.objective.gae_lambda = 1;
  options.descent.lr = 2e-3;
  options.epochs = 4;
  options.minibatches = 4;
  options.seed = 1;
  const MakeEnvironment of_training = [&](int) {
    return std::make_unique<ImageBandit>(dataset, io::Split::train);
  };
  const MakeEnvironment of_validation = [&](int) {
    return std::make_unique<ImageBandit>(dataset, io::Split::validation);
  };
  Learning learning(of_training, options,
                    {.environments = 16, .steps = 32, .explorer = 0, .seed = 1});
  EXPECT_LT(learning.mean_return(of_validation, 50), 0.6) << "guessing: 0.25";
  learning.learn(40, 0);
  EXPECT_GT(learning.mean_return(of_validation, 50), 0.9);
}

}  // namespace
}  // namespace podium::learn
