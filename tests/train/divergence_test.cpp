// Runs that diverge are noticed within a few steps, by all ranks, with one message; healthy ones
// are left alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "train/loss_watch.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using test::on_ranks;
using train::LossWatch;
using train::Trainer;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float no_number = std::numeric_limits<float>::quiet_NaN();

TEST(LossWatch, TellsTheFirstStepWithoutAFiniteLoss) {
  LossWatch watch(10);
  for (int64_t step = 40; step < 48; ++step) {
    watch.record(step, static_cast<double>(step) / 100, step < 45 ? 64.0 : std::nan(""), 32);
  }
  const auto divergence = watch.judge(true);
  ASSERT_TRUE(divergence);
  EXPECT_EQ(divergence->step, 45);
  EXPECT_EQ(divergence->learning_rate, 0.45);
  EXPECT_NE(divergence->what.find("finite"), std::string::npos);
}

// 100 ln(10) is 230.3.
TEST(LossWatch, ALossHasExplodedWhenItStaysAbove100TimesThatOfGuessing) {
  LossWatch watch(10);
  for (int64_t step = 0; step < 8; ++step) watch.record(step, 0.1, step < 3 ? 2.0 : 231.0, 1);
  EXPECT_FALSE(watch.judge(true)) << "five steps in a row";
  watch.record(8, 0.1, 231.0, 1);
  watch.record(9, 0.1, 231.0, 1);
  watch.record(10, 0.2, 231.0, 1);
  const auto divergence = watch.judge(true);
  ASSERT_TRUE(divergence) << "eight";
  EXPECT_EQ(divergence->step, 10);
  EXPECT_NE(divergence->what.find("231"), std::string::npos) << divergence->what;
}

TEST(LossWatch, ALossThatJumpsAndRecoversIsLetGoOn) {
  LossWatch watch(10);
  for (int64_t step = 0; step < 800; ++step) {
    watch.record(step, 0.1, step % 8 == 3 ? 2.0 : 1e6, 1);
    if (step % 8 == 7) {
      EXPECT_FALSE(watch.judge(true)) << step;
    }
  }
  for (int64_t step = 0; step < 800; ++step) {
    watch.record(step, 0.1, 229.0, 1);
    if (step % 8 == 7) {
      EXPECT_FALSE(watch.judge(true)) << step;
    }
  }
}

TEST(LossWatch, WeightsCount) {
  LossWatch watch(10);
  EXPECT_FALSE(watch.judge(false)) << "without a step there is nothing to tell";
  watch.record(3, 0.1, 2.0, 1);
  const auto divergence = watch.judge(false);
  ASSERT_TRUE(divergence);
  EXPECT_EQ(divergence->step, 3);
  EXPECT_NE(divergence->what.find("weights"), std::string::npos);
}

TEST(AllFinite, FindsOneValueAnywhere) {
  std::vector<float> values(37, std::numeric_limits<float>::max());
  values[3] = -0.0F;
  values[4] = std::numeric_limits<float>::denorm_min();
  EXPECT_TRUE(train::all_finite(values));
  EXPECT_TRUE(train::all_finite({}));
  for (size_t i = 0; i < values.size(); ++i) {
    for (const float bad : {infinity, -infinity, no_number}) {
      std::vector<float> others = values;
      others[i] = bad;
      EXPECT_FALSE(train::all_finite(others)) << i;
    }
  }
}

// Spoils one gradient of one rank's share at a step.
class SpoilingSync : public train::AllReduceSync {
 public:
  SpoilingSync(comm::Communicator& group, int step, float value)
      : AllReduceSync(group), mine_(group.rank() == 1), spoilt_(step), value_(value) {}
  void begin(std::span<float> gradients, float weight) override {
    last_ = &gradients.back();
    AllReduceSync::begin(gradients, weight);
  }
  // The last one is the first that is there.
  void ready(size_t first) override {
    if (last_ != nullptr) {
      if (mine_ && step_ == spoilt_) *last_ = value_;
      ++step_;
      last_ = nullptr;
    }
    AllReduceSync::ready(first);
  }
  int steps() const { return step_; }

 private:
  bool mine_;
  int spoilt_;
  float value_;
  float* last_ = nullptr;  // gradient of a step that has none ready yet
  int step_ = 0;
};

class DivergenceTest : public test::TrainingTest {
 protected:
  // The error of a run in which rank 1 computes `value` at `step` (11 make an epoch).
  std::string failure(int step, float value, const train::TrainerOptions& options = {},
                      const train::Recipe& recipe = test::small_recipe()) {
    std::atomic<int> failed{0};
    std::string text = "none";
    const auto body = [&](comm::Communicator& group) {
      io::Dataset dataset = cache_.open();
      nn::Model model = test::small_model(dataset, recipe);
      SpoilingSync sync(group, step, value);
      train::TrainerOptions mine = options;
      test::HostTraining training(model, recipe, dataset, sync, group, mine);
      Trainer& trainer = training.trainer;
      try {
        trainer.run();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::usage);
        ++failed;
        steps_taken_ = sync.steps();
        if (group.rank() == 0) text = error.what();
      }
    };
    on_ranks(3, body);
    EXPECT_TRUE(failed == 0 || failed == 3) << failed << " of 3 ranks noticed";
    return text;
  }

  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::atomic<int> steps_taken_{0};
};

TEST_F(DivergenceTest, IsNoticedByAllRanksWithinEightSteps) {
  const std::string text = failure(2, no_number);
  EXPECT_EQ(steps_taken_, 8);
  EXPECT_TRUE(has(text, "no longer finite") || has(text, "no longer a finite")) << text;
  EXPECT_TRUE(has(text, "in epoch 1 at step 4 of 11"))
      << text;  // the first loss after the bad step
  EXPECT_TRUE(has(text, "model 'small', learning rate 0.0")) << text;
  EXPECT_TRUE(has(text, "lower the learning rate")) << text;
  EXPECT_TRUE(has(text, "there is no checkpoint yet")) << text;
}

TEST_F(DivergenceTest, IsNoticedAtTheEndOfAnEpochToo) {
  const std::string text = failure(10, infinity);
  EXPECT_EQ(steps_taken_, 11);
  EXPECT_TRUE(has(text, "the weights are no longer finite numbers in epoch 1 at step 11 of 11"))
      << text;
}

TEST_F(DivergenceTest, TheCheckpointBeforeItIsKeptAndNamed) {
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  int epochs = 0;
  options.on_epoch = [&](const train::Progress& progress) { epochs = progress.epochs; };
  const std::string text = failure(25, no_number, options);
  EXPECT_EQ(epochs, 2);
  EXPECT_TRUE(has(text, "small.h5 keeps epoch 2")) << text;
  options.on_epoch = nullptr;
  const std::string resumed = failure(0, no_number, options);
  EXPECT_TRUE(has(resumed, "in epoch 3 at step")) << resumed;
  EXPECT_TRUE(has(resumed, "small.h5 keeps epoch 2")) << resumed;
  const std::string uninterrupted = train(test::small_recipe(), 3);
  EXPECT_EQ(train(test::small_recipe(), 3, options), uninterrupted);
}

TEST_F(DivergenceTest, ALossThatExplodesStopsWithAMessage) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "dense 16; relu; dense classes";
  for (const double lr : {1e6, 1e30}) {
    recipe.lr = lr;
    EXPECT_TRUE(has(failure(-1, 0, {}, recipe), "lower the learning rate")) << lr;
  }
}

// One weight of rank 1 is so large that what is computed with it overflows there, and only there.
TEST_F(DivergenceTest, ABadGradientIsNamedByTrainerAndTensor) {
  std::array<std::string, 3> errors;
  on_ranks(3, [&](comm::Communicator& group) {
    const train::Recipe recipe = test::small_recipe();
    io::Dataset dataset = cache_.open();
    nn::Model model = test::small_model(dataset, recipe);
    train::AllReduceSync sync(group);
    train::TrainerOptions options;
    test::HostTraining training(model, recipe, dataset, sync, group, options);
    if (group.rank() == 1) std::ranges::fill(model.parameters().last(20), 3e38F);
    try {
      training.trainer.run();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      errors[static_cast<size_t>(group.rank())] = error.what();
    }
  });
  EXPECT_TRUE(has(errors[0], "the gradient of '4.dense.")) << errors[0];
  EXPECT_TRUE(
      has(errors[0], "is no longer a finite number on trainer 1 in epoch 1 at step 1 of 11"))
      << errors[0];
  EXPECT_EQ(errors[1], errors[0]);
  EXPECT_EQ(errors[2], errors[0]);
}

TEST_F(DivergenceTest, RunsThatLearnAreLeftAlone) {
  EXPECT_EQ(failure(-1, 0), "none");
  train::Recipe fast = test::small_recipe();
  fast.lr = 1;  // twenty times what is good
  EXPECT_EQ(failure(-1, 0, {}, fast), "none");
}

}  // namespace
}  // namespace podium
