// The example of docs/learn.md: an environment of one's own, and that a policy learns to act in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "comm/inproc/inproc_world.hpp"
#include "learn/learner.hpp"
#include "learn/rollouts.hpp"

namespace podium::learn {
namespace {

// A corridor of ten places: one begins somewhere in its left half, and is paid at its right end.
class Corridor final : public Environment {
 public:
  const EnvironmentInfo& info() const override { return info_; }

  void reset(uint64_t seed, std::span<std::byte> observation) override {
    place_ = static_cast<int>(Random(seed).below(5));
    steps_ = 0;
    observe(observation);
  }

  Outcome step(int action, std::span<std::byte> observation) override {
    place_ = std::clamp(place_ + (action == 1 ? 1 : -1), 0, 9);
    ++steps_;
    observe(observation);
    if (place_ == 9) return {1, Ending::terminal};
    return {0, steps_ == 30 ? Ending::truncated : Ending::none};
  }

 private:
  void observe(std::span<std::byte> observation) const {
    const float seen = static_cast<float>(place_) / 9;
    std::memcpy(observation.data(), &seen, sizeof(seen));
  }

  EnvironmentInfo info_{"corridor", ObservationType::vector, {1, 1, 1}, 2, 1};
  int place_ = 0;
  int steps_ = 0;
};

TEST(Corridor, IsLearnt) {
  LearnerOptions options;
  options.policy.architecture = "dense 16; relu; dense classes";
  options.critic = options.policy.architecture;
  options.descent.lr = 5e-3;
  options.epochs = 4;
  options.seed = 1;
  const auto make = [](int) { return std::make_unique<Corridor>(); };
  comm::InprocWorld alone(1, "learner");
  const auto group = alone.communicator(0);
  Learner learner(make(0)->info(), options, *group);
  Rollouts rollouts(make, {.environments = 8, .steps = 32, .explorer = 0, .seed = 1});
  for (uint64_t batch = 0; batch < 40; ++batch) {
    learner.learn(rollouts.explore(learner.policy(), {}, batch));
  }
  std::vector<std::unique_ptr<Environment>> environments;
  for (int i = 0; i < 10; ++i) environments.push_back(make(i));
  EXPECT_EQ(mean_return(learner.policy(), environments, 50, 7), 1);
}

}  // namespace
}  // namespace podium::learn
