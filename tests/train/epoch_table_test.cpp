// The table of an epoch says what the loader and the host's steps would do, image by image.
#include "train/epoch_table.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "io/image/augment.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using train::DrawnImage;
using train::EpochPlan;
using train::PlannedStep;

constexpr io::ImageShape shape{8, 8, 1};

EpochPlan plan_of(const io::Dataset& dataset, size_t rank, size_t world, uint64_t epoch) {
  io::LoaderOptions data;
  data.batch = 32;
  data.rank = rank;
  data.world = world;
  data.seed = 5;
  data.shuffle = io::Shuffle::full;
  data.augmentation = {true, 1, 4, 0.5};
  const auto steps = static_cast<int64_t>((dataset.size(io::Split::train) + 31) / 32);
  return {epoch, steps * static_cast<int64_t>(epoch), 4 * steps, nn::OneCycle(0.1, 4 * steps),
          data};
}

class EpochTableTest : public test::TrainingTest {
 protected:
  std::vector<DrawnImage> table(const EpochPlan& plan) const {
    const size_t records = dataset_.size(io::Split::train);
    std::vector<DrawnImage> images(train::images_of_rank(plan.data, records));
    train::draw_images(plan, shape, records, images);
    return images;
  }
};

TEST_F(EpochTableTest, HoldsTheBatchesOfTheLoader) {
  for (const auto& [rank, world] : {std::pair{0U, 1U}, {0U, 2U}, {1U, 2U}, {2U, 3U}, {39U, 40U}}) {
    const EpochPlan plan = plan_of(dataset_, rank, world, 2);
    const std::vector<DrawnImage> images = table(plan);
    const std::vector<PlannedStep> steps =
        train::plan_steps(plan, dataset_.size(io::Split::train), nullptr);
    io::Loader loader(dataset_, plan.data);
    loader.start_epoch(plan.epoch);
    size_t next = 0;
    size_t step = 0;
    std::vector<uint8_t> original(shape.bytes());
    std::vector<uint8_t> augmented(shape.bytes());
    for (auto batch = loader.next(); batch; batch = loader.next(), ++step) {
      ASSERT_LT(step, steps.size());
      EXPECT_EQ(steps[step].images, batch->count());
      EXPECT_EQ(steps[step].images_of_all, batch->global_count);
      for (size_t i = 0; i < batch->count(); ++i, ++next) {
        ASSERT_LT(next, images.size());
        ASSERT_EQ(images[next].record, batch->records[i]);
        uint8_t label = 0;
        dataset_.gather(io::Split::train, {&images[next].record, 1}, original, {&label, 1});
        EXPECT_EQ(label, batch->labels[i]);
        io::apply(images[next].draw, shape, original.data(), augmented.data());
        ASSERT_TRUE(
            std::ranges::equal(augmented, batch->images.subspan(i * shape.bytes(), shape.bytes())));
      }
    }
    EXPECT_EQ(step, steps.size());
    EXPECT_EQ(next, images.size()) << "rank " << rank << " of " << world;
  }
}

TEST_F(EpochTableTest, RanksShareEveryImageOnce) {
  std::vector<int> seen(dataset_.size(io::Split::train));
  for (size_t rank = 0; rank < 3; ++rank) {
    for (const DrawnImage& image : table(plan_of(dataset_, rank, 3, 1))) ++seen[image.record];
  }
  EXPECT_TRUE(std::ranges::all_of(seen, [](int times) { return times == 1; }));
}

TEST_F(EpochTableTest, StepsCountOverTheRunAndFollowScheduleAndAverage) {
  nn::Model model = test::small_model(dataset_, test::small_recipe());
  const train::WeightAverage average(model, {0.9, 3, false});
  const EpochPlan plan = plan_of(dataset_, 0, 1, 1);
  const std::vector<PlannedStep> steps =
      train::plan_steps(plan, dataset_.size(io::Split::train), &average);
  ASSERT_EQ(steps.size(), 11U);
  int updates = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].step, static_cast<int64_t>(11 + i));
    EXPECT_EQ(steps[i].lr, plan.schedule.at(steps[i].step));
    EXPECT_EQ(steps[i].average_share, average.share(steps[i].step, 44));
    updates += steps[i].average_share > 0;
  }
  EXPECT_EQ(updates, 4);  // after the steps 11, 14, 17 and 20
  EXPECT_EQ(steps.back().images, 350U - 320U);
}

}  // namespace
}  // namespace podium
