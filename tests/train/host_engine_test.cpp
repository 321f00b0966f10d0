// The engine of the host: one step a call, an end, and sums that belong to their step.
#include "train/host_engine.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using train::EpochPlan;
using train::Step;

class HostEngineTest : public test::TrainingTest {
 protected:
  EpochPlan plan(uint64_t epoch) const {
    const train::Recipe recipe = test::small_recipe();
    io::LoaderOptions data;
    data.batch = static_cast<size_t>(recipe.batch);
    data.seed = recipe.seed;
    return {epoch, static_cast<int64_t>(11 * epoch), 44, nn::OneCycle(recipe.lr, 44), data};
  }
};

TEST_F(HostEngineTest, TakesOneStepACallToTheEndOfTheEpoch) {
  nn::Model model = test::small_model(dataset_, test::small_recipe());
  train::TrainingState state(model, test::small_recipe());
  train::NoSync sync;
  train::HostEngine engine(state, dataset_, sync);
  engine.start_epoch(plan(1));
  int64_t expected = 11;
  size_t images = 0;
  for (auto steps = engine.advance(); !steps.empty(); steps = engine.advance()) {
    ASSERT_EQ(steps.size(), 1U);
    const Step& step = steps.front();
    EXPECT_EQ(step.step, expected++);
    EXPECT_EQ(step.lr, nn::OneCycle(test::small_recipe().lr, 44).at(step.step));
    EXPECT_GT(step.loss_sum, 0);
    EXPECT_EQ(step.images, step.images_of_all);
    images += step.images;
  }
  EXPECT_EQ(expected, 22);
  EXPECT_EQ(images, 350U);
  EXPECT_THROW(engine.advance(), Error) << "the epoch is over";
}

TEST_F(HostEngineTest, AnEpochUnderWayIsDroppedForAnother) {
  const auto first_loss = [&](bool disturbed) {
    nn::Model model = test::small_model(dataset_, test::small_recipe());
    train::TrainingState state(model, test::small_recipe());
    train::NoSync sync;
    train::HostEngine engine(state, dataset_, sync);
    if (disturbed) engine.start_epoch(plan(3));
    engine.start_epoch(plan(0));
    return engine.advance().front().loss_sum;
  };
  EXPECT_EQ(first_loss(false), first_loss(true));
}

// Nothing of the data set may be held when the loop takes up appended records.
TEST_F(HostEngineTest, HoldsNothingOfTheDataSetBehindTheLastStep) {
  io::Dataset dataset = cache_.open();
  nn::Model model = test::small_model(dataset, test::small_recipe());
  train::TrainingState state(model, test::small_recipe());
  train::NoSync sync;
  train::HostEngine engine(state, dataset, sync);
  engine.start_epoch(plan(0));
  while (!engine.advance().empty()) {
  }
  cache_.append("synthetic:60,8,8,1,4,7");
  dataset.use_generation(dataset.newest_generation());
  engine.start_epoch(plan(1));
  size_t images = 0;
  for (auto steps = engine.advance(); !steps.empty(); steps = engine.advance()) {
    images += steps.front().images;
  }
  EXPECT_EQ(images, 410U);
}

}  // namespace
}  // namespace podium
