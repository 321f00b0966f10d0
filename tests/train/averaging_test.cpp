// The average of the weights: its values, what is evaluated and kept, and that it resumes.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "core/error.hpp"
#include "train/evaluation.hpp"
#include "train/model_snapshot.hpp"
#include "train/weight_average.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using test::on_ranks;
using train::Trainer;
using train::WeightAverage;

class AveragingTest : public test::TrainingTest {
 protected:
  // Sets every weight of `model` to `value`.
  static void fill(nn::Model& model, float value) {
    std::ranges::fill(model.parameters(), value);
    std::ranges::fill(model.statistics(), value);
  }

  static train::Recipe averaged_recipe() {
    train::Recipe recipe = test::small_recipe();
    recipe.ema = 0.9;
    recipe.ema_every = 3;
    return recipe;
  }
};

TEST_F(AveragingTest, FollowsTheFormula) {
  nn::Model model = test::small_model(dataset_, test::small_recipe());
  fill(model, 1.0F);
  WeightAverage average(model, {0.9, 3, false});
  double expected = 1.0;
  for (int64_t step = 0; step < 60; ++step) {
    fill(model, static_cast<float>(step + 2));
    average.follow(model, step, 60);
    if ((step + 1) % 3 == 0) {
      const double update = static_cast<double>((step + 1) / 3);
      const double d = std::min(std::pow(0.9, 3), (1 + update) / (10 + update));
      expected = d * expected + (1 - d) * static_cast<double>(step + 2);
    }
    ASSERT_NEAR(average.parameters().front(), expected, 1e-4 * expected) << "step " << step;
    ASSERT_NEAR(average.parameters().back(), expected, 1e-4 * expected);
    ASSERT_NEAR(average.statistics().back(), expected, 1e-4 * expected);
    ASSERT_EQ(model.parameters().front(), static_cast<float>(step + 2)) << "the weights go on";
  }
}

TEST_F(AveragingTest, LookaheadGoesOnFromTheAverage) {
  nn::Model model = test::small_model(dataset_, test::small_recipe());
  fill(model, 0.0F);
  WeightAverage average(model, {0.95, 5, true});
  double slow = 0;
  for (int64_t step = 0; step < 20; ++step) {
    fill(model, static_cast<float>(step + 1));
    average.follow(model, step, 20);
    if ((step + 1) % 5 != 0) continue;
    const double d = std::pow(0.95, 5) * std::pow(static_cast<double>(step + 1) / 20, 3);
    slow = d * slow + (1 - d) * static_cast<double>(step + 1);
    ASSERT_NEAR(model.parameters().front(), slow, 1e-4 * slow);
    ASSERT_EQ(model.parameters().back(), average.parameters().back());
    ASSERT_EQ(model.statistics().back(), average.statistics().back());
  }
}

TEST_F(AveragingTest, RefusesWhatIsNoAverage) {
  nn::Model model = test::small_model(dataset_, test::small_recipe());
  EXPECT_THROW(WeightAverage(model, {1.0, 5, false}), Error);
  EXPECT_THROW(WeightAverage(model, {0.0, 5, false}), Error);
  EXPECT_THROW(WeightAverage(model, {0.9, 0, false}), Error);
}

TEST_F(AveragingTest, TheAverageIsWhatIsEvaluatedAndKept) {
  const std::string raw = train(test::small_recipe(), 2);
  const std::string averaged = train(averaged_recipe(), 2);
  EXPECT_NE(averaged, raw);
  EXPECT_EQ(kept_accuracy_, progress_.val_accuracy) << "what was validated is not what was kept";
  EXPECT_GT(progress_.val_accuracy, 0.9);
  // Until the average is brought up to date, after the last step, it is the initial weights.
  train::Recipe slow = averaged_recipe();
  slow.ema_every = 44;
  train::TrainerOptions options;
  std::vector<double> validated;
  std::vector<double> trained;
  options.on_epoch = [&](const train::Progress& progress) {
    validated.push_back(progress.val_accuracy);
    trained.push_back(progress.train_accuracy);
  };
  train(slow, 2, options);
  ASSERT_EQ(validated.size(), 4U);
  EXPECT_LT(validated[2], 0.8);
  EXPECT_GT(trained[2], 0.8) << "training goes on with the weights themselves";
  EXPECT_GT(validated[3], 0.9);
}

TEST_F(AveragingTest, AnAverageThatARunNeverReachesIsRefused) {
  train::Recipe recipe = averaged_recipe();
  recipe.ema_every = 45;  // the run has 44 steps
  EXPECT_THROW(train(recipe, 2), Error);
}

// Weights of the raw run, averaged outside of the trainer, are those of the averaged run.
TEST_F(AveragingTest, TrainingItselfIsNotDisturbed) {
  train::Recipe recipe = averaged_recipe();
  recipe.epochs = 1;
  std::vector<float> averaged;
  std::vector<float> expected;
  on_ranks(1, [&](comm::Communicator& group) {
    for (const bool by_trainer : {true, false}) {
      io::Dataset dataset = cache_.open();
      train::Recipe used = recipe;
      if (!by_trainer) used.ema = 0;
      nn::Model model = test::small_model(dataset, used);
      model.initialise(used.seed);
      WeightAverage average(model, {0.9, 3, false});
      // After each step the sync is asked for the next gradients: then the weights are looked at.
      class Watching : public train::NoSync {
       public:
        Watching(nn::Model& model, WeightAverage& average) : model_(model), average_(average) {}
        void begin(std::span<float> gradients, float weight) override {
          if (step_ > 0) average_.follow(model_, step_ - 1, 11);
          ++step_;
          NoSync::begin(gradients, weight);
        }
        int64_t step() const { return step_; }

       private:
        nn::Model& model_;
        WeightAverage& average_;
        int64_t step_ = 0;
      } sync(model, average);
      train::TrainerOptions options;
      test::HostTraining(model, used, dataset, sync, group, options).trainer.run();
      ASSERT_EQ(sync.step(), 11);  // the last update is after step 9
      const std::span<const float> kept = by_trainer ? model.parameters() : average.parameters();
      (by_trainer ? averaged : expected).assign(kept.begin(), kept.end());
    }
  });
  EXPECT_EQ(averaged, expected);
}

TEST_F(AveragingTest, ResumesToTheSameBits) {
  for (const bool lookahead : {false, true}) {
    train::Recipe recipe = averaged_recipe();
    recipe.lookahead = lookahead;
    recipe.flip = train::Flip::alternate;
    recipe.norm_lr = 8;
    recipe.cutout = 2;
    recipe.cutout_from = 0.5;
    recipe.init = nn::Initialisation::dirac;
    recipe.final_lr = 0.1;
    const std::string uninterrupted = train(recipe, 2);
    train::TrainerOptions options;
    options.checkpoint = cache_.folder() / (lookahead ? "lookahead.h5" : "average.h5");
    for (const int epochs : {1, 3}) {
      std::atomic<bool> stop{false};
      options.should_stop = [&] { return stop.load(); };
      options.on_epoch = [&](const train::Progress& now) { stop = now.epochs == epochs; };
      train(recipe, 2, options, Trainer::Outcome::stopped);
      EXPECT_EQ(progress_.epochs, epochs);
    }
    options.should_stop = nullptr;
    options.on_epoch = nullptr;
    EXPECT_EQ(train(recipe, 2, options), uninterrupted);
    EXPECT_EQ(train(recipe, 2, options), uninterrupted) << "a finished run, started again";
  }
}

TEST_F(AveragingTest, EveryPartOfTheRecipeDecidesTheResult) {
  train::Recipe base = averaged_recipe();
  base.flip = train::Flip::random;
  base.cutout = 2;
  base.cutout_from = 0.5;
  const std::string hash = train(base, 1);
  const auto differs = [&](const auto& change) {
    train::Recipe other = base;
    change(other);
    return train(other, 1) != hash;
  };
  EXPECT_TRUE(differs([](train::Recipe& r) { r.ema = 0.8; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.ema_every = 4; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.lookahead = true; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.norm_lr = 4; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.final_lr = 0.5; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.init = nn::Initialisation::dirac; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.flip = train::Flip::alternate; }));
  EXPECT_TRUE(differs([](train::Recipe& r) { r.cutout_from = 0.75; }));
}

}  // namespace
}  // namespace podium
