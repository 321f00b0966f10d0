// Recipes that cannot be trained: found out before anything trains, by the option at fault.
#include "train/recipe_check.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

class RecipeCheck : public testing::Test {
 protected:
  // The message of the usage_error; empty when `recipe` is taken.
  std::string refusal(const train::Recipe& recipe, size_t trainers = 1) const {
    return refusal(recipe, dataset_, trainers);
  }

  static std::string refusal(const train::Recipe& recipe, const io::Dataset& dataset,
                             size_t trainers = 1) {
    try {
      train::check_values(recipe);
      train::check_fit(recipe, {dataset, trainers});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::usage);
      return error.what();
    }
    return "";
  }

  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  const test::SyntheticCache cache_;
  const io::Dataset dataset_ = cache_.open();  // 350 training images 8x8
};

TEST_F(RecipeCheck, OneThatCanBeTrainedIsTaken) {
  EXPECT_EQ(refusal(test::small_recipe()), "");
}

TEST_F(RecipeCheck, NamesTheOptionAsItWasGiven) {
  train::Recipe recipe = test::small_recipe();
  recipe.lr = 0;
  EXPECT_TRUE(holds(refusal(recipe), "--train.lr of model 'small'")) << refusal(recipe);
  recipe.own = {"lr"};
  EXPECT_TRUE(holds(refusal(recipe), "--model.small.lr")) << refusal(recipe);
}

TEST_F(RecipeCheck, WhatDoesNotSuitTheImagesOrTheStepsIsRefused) {
  const auto changed = [](auto change) {
    train::Recipe recipe = test::small_recipe();
    recipe.own = {"warmup", "shift", "cutout", "ema_every"};
    change(recipe);
    return recipe;
  };
  const std::vector<std::pair<train::Recipe, std::string>> cases = {
      {changed([](auto& recipe) { recipe.warmup = 1; }), "--model.small.warmup"},
      {changed([](auto& recipe) { recipe.shift = 8; }), "--model.small.shift"},
      {changed([](auto& recipe) { recipe.cutout = 16; }), "--model.small.cutout"},
      {changed([](auto& recipe) {
         recipe.ema = 0.9;
         recipe.ema_every = 4 * 11 + 1;
       }),
       "--model.small.ema_every"},
      {changed([](auto& recipe) { recipe.architecture = "pool 9; dense classes"; }),
       "model 'small' does not fit the images"},
      {changed(
           [](auto& recipe) { recipe.architecture = "dense 60000; dense 60000; dense classes"; }),
       "2^28 parameters"},
  };
  for (const auto& [recipe, words] : cases) {
    EXPECT_TRUE(holds(refusal(recipe), words)) << words << " is not in: " << refusal(recipe);
  }
  EXPECT_EQ(refusal(changed([](auto& recipe) { recipe.ema_every = 4 * 11; })), "");
}

TEST_F(RecipeCheck, MicroBatchesHaveImagesAndBatchNormsTwo) {
  train::Recipe recipe = test::small_recipe();  // batches of 32
  recipe.accumulate = 16;
  EXPECT_EQ(refusal(recipe, 2), "");
  const std::string none = refusal(recipe, 3);
  EXPECT_TRUE(holds(none, "32 images a step are fewer than 16 micro-batches of 3 trainers"))
      << none;
  EXPECT_TRUE(holds(none, "--train.accumulate of model 'small'")) << none;
  recipe.architecture = "dense 8; bn; dense classes";
  const std::string single = refusal(recipe, 2);
  EXPECT_TRUE(holds(single, "in 16 micro-batches each")) << single;
  recipe.accumulate = 2;
  EXPECT_EQ(refusal(recipe, 2), "") << "a tail of 30 images is 8 + 7 + 8 + 7";
}

// The shares of some small steps, rank by rank, against the arithmetic of batch_range.hpp.
TEST(StepWithSingleImage, IsFoundInFullStepsAndInTheTail) {
  EXPECT_EQ(train::step_with_single_image(350, 1, 1), 1U);
  EXPECT_EQ(train::step_with_single_image(350, 2, 1), 0U);
  EXPECT_EQ(train::step_with_single_image(350, 349, 1), 1U) << "the tail";
  EXPECT_EQ(train::step_with_single_image(1, 128, 1), 1U);
  EXPECT_EQ(train::step_with_single_image(0, 128, 1), 0U);
  EXPECT_EQ(train::step_with_single_image(350, 3, 2), 3U) << "2 + 1";
  EXPECT_EQ(train::step_with_single_image(350, 4, 2), 2U) << "the tail, 1 + 1";
  EXPECT_EQ(train::step_with_single_image(352, 4, 2), 0U);
  EXPECT_EQ(train::step_with_single_image(352, 4, 2, 2), 4U) << "2 are 1 + 1";
  EXPECT_EQ(train::step_with_single_image(352, 8, 2, 2), 0U);
  EXPECT_EQ(train::step_with_single_image(350, 346, 2), 0U) << "a tail of 4";
  EXPECT_EQ(train::step_with_single_image(352, 2, 3), 2U) << "0 + 1 + 1";
}

TEST_F(RecipeCheck, ABatchNormThatSeesOneValuePerChannelIsRefused) {
  train::Recipe recipe = test::small_recipe();
  recipe.batch = 1;
  EXPECT_EQ(refusal(recipe), "") << "8x8 values of an image suffice";
  for (const char* text : {"dense 8; bn; relu; dense classes", "conv 4 3; gap; bn; dense classes",
                           "pool 8; conv 4 1; bn; relu; dense classes"}) {
    recipe.architecture = text;
    recipe.batch = 1;
    EXPECT_TRUE(holds(refusal(recipe), "one value per channel")) << text;
    EXPECT_TRUE(holds(refusal(recipe), "a batch of 2")) << refusal(recipe);
    recipe.batch = 349;
    EXPECT_TRUE(holds(refusal(recipe), "last step of an epoch of 1 image for 1 trainer"))
        << refusal(recipe);
    recipe.batch = 32;
    EXPECT_EQ(refusal(recipe), "") << "a tail of 30";
    EXPECT_TRUE(holds(refusal(recipe, 16), "of 30 images for 16 trainers")) << refusal(recipe, 16);
    recipe.batch = 350;
    EXPECT_EQ(refusal(recipe, 16), "");
  }
}

TEST_F(RecipeCheck, ImagesOfOnePixelAreNormalisedOverTheBatchAlone) {
  const test::SyntheticCache tiny("synthetic:400,1,1,3,4");
  train::Recipe recipe = test::small_recipe();
  recipe.architecture = "conv 4 1; bn; relu; dense classes";
  EXPECT_EQ(refusal(recipe, tiny.open()), "");
  recipe.batch = 1;
  EXPECT_TRUE(holds(refusal(recipe, tiny.open()), "one value per channel"));
}

}  // namespace
}  // namespace podium
