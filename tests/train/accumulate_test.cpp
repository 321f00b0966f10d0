// Gradient accumulation: the step of the whole batch, to rounding, with one exchange.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using test::on_ranks;
using train::Trainer;

// How many steps were exchanged, and how many images the model was given at once.
class CountingSync : public train::AllReduceSync {
 public:
  using AllReduceSync::AllReduceSync;
  void begin(std::span<float> gradients, float weight) override {
    ++steps_;
    AllReduceSync::begin(gradients, weight);
  }
  int steps() const { return steps_; }

 private:
  int steps_ = 0;
};

class AccumulateTest : public test::TrainingTest {
 protected:
  // Without batch norm and dropout, which see each micro-batch by itself.
  static train::Recipe plain_recipe(int accumulate) {
    train::Recipe recipe = test::small_recipe();
    recipe.architecture = "conv 4 3; relu; pool 2; dense 16; relu; dense classes";
    recipe.epochs = 2;
    recipe.accumulate = accumulate;
    return recipe;
  }

  // The weights after training on `ranks` ranks by a model for `largest` images at once.
  std::vector<float> weights(const train::Recipe& recipe, int ranks, int largest) {
    std::vector<float> result;
    on_ranks(ranks, [&](comm::Communicator& group) {
      io::Dataset dataset = cache_.open();
      nn::Model model(test::small_card(dataset, recipe), nn::make_cpu_ops(1), largest);
      CountingSync sync(group);
      train::TrainerOptions options;
      test::HostTraining training(model, recipe, dataset, sync, group, options);
      training.trainer.run();
      EXPECT_EQ(sync.steps(), 2 * 11) << "one exchange a step";
      EXPECT_EQ(training.trainer.progress().images, 2 * 350);
      if (group.rank() != 0) return;
      result.assign(model.parameters().begin(), model.parameters().end());
      loss_ = training.trainer.progress().loss;
    });
    return result;
  }

  double loss_ = 0;
};

TEST_F(AccumulateTest, TakesTheStepsOfTheWholeBatchToRounding) {
  const std::vector<float> whole = weights(plain_recipe(1), 2, 16);
  const double loss = loss_;
  // 3 and 5 do not divide a share of 16 images; the last step has 15 of each rank.
  for (const int accumulate : {2, 3, 5, 16}) {
    const int largest = (16 + accumulate - 1) / accumulate;
    const std::vector<float> parts = weights(plain_recipe(accumulate), 2, largest);
    ASSERT_EQ(parts.size(), whole.size());
    double worst = 0;
    for (size_t i = 0; i < whole.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(parts[i]) - whole[i]));
    }
    EXPECT_LT(worst, 2e-5) << accumulate << " micro-batches";
    EXPECT_NEAR(loss_, loss, 1e-5) << accumulate;
  }
}

TEST_F(AccumulateTest, GoesOnFromACheckpointToTheSameBitsWithDropout) {
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "conv 4 3; bn; relu; pool 2; dropout 0.3; dense classes";
  recipe.accumulate = 2;
  const std::string uninterrupted = train(recipe, 2);
  train::TrainerOptions options;
  options.checkpoint = cache_.folder() / "small.h5";
  std::atomic<int> checks{0};
  options.should_stop = [&] { return ++checks > 4; };
  train(recipe, 2, options, Trainer::Outcome::stopped);
  options.should_stop = nullptr;
  EXPECT_EQ(train(recipe, 2, options), uninterrupted);
  recipe.accumulate = 1;
  EXPECT_NE(train(recipe, 2), uninterrupted) << "micro-batches share masks and statistics";
}

}  // namespace
}  // namespace podium
