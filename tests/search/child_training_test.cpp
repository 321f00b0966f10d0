#include "search/child_training.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "core/error.hpp"
#include "train/training_fixture.hpp"

namespace podium::search {
namespace {

constexpr const char* network = "conv 4 3; bn; relu; pool 2; dense classes";

class ChildTrainingTest : public testing::Test {
 protected:
  ChildTrainingTest() { options_.recipe = test::small_recipe(); }

  ChildResult train(const std::string& architecture = network) {
    return train_child(architecture, dataset_, options_, hooks_);
  }

  const test::SyntheticCache cache_;
  io::Dataset dataset_ = cache_.open();
  ChildOptions options_;
  ChildHooks hooks_;
};

TEST_F(ChildTrainingTest, TheRewardIsTheBestOfTheLastEpochs) {
  std::vector<double> accuracies;
  hooks_.on_epoch = [&](int epoch, double accuracy) {
    accuracies.push_back(accuracy);
    EXPECT_EQ(epoch, static_cast<int>(accuracies.size()));
  };
  options_.recipe.epochs = 5;
  options_.last_epochs = 2;
  const ChildResult result = train();
  ASSERT_EQ(accuracies.size(), 5u);
  EXPECT_EQ(result.accuracy, std::max(accuracies[3], accuracies[4]));
  EXPECT_GT(result.accuracy, 0.5) << "the shapes are easy";
  EXPECT_EQ(result.epochs, 5);
  EXPECT_EQ(result.reason, "");
  const double best = *std::ranges::max_element(accuracies);
  hooks_ = {};
  options_.last_epochs = 100;
  EXPECT_EQ(train().accuracy, best) << "equal networks train equally";
}

TEST_F(ChildTrainingTest, OneThatDivergesGetsNothingAndAReason) {
  options_.recipe.lr = 1000;
  const ChildResult result = train();
  EXPECT_EQ(result.accuracy, 0);
  EXPECT_NE(result.reason.find("learning rate"), std::string::npos) << result.reason;
  EXPECT_TRUE(result.repeatable);
}

TEST_F(ChildTrainingTest, OneThatDoesNotFitGetsNothingAndAReason) {
  const ChildResult result = train("pool 9; dense classes");
  EXPECT_EQ(result.accuracy, 0);
  EXPECT_NE(result.reason.find("window 9"), std::string::npos) << result.reason;
}

// A later job may give it more.
TEST_F(ChildTrainingTest, OneWithoutEnoughMemoryGetsNothingInThisJobAlone) {
  hooks_.on_epoch = [](int, double) { throw std::bad_alloc(); };
  const ChildResult on_host = train();
  EXPECT_EQ(on_host.accuracy, 0);
  EXPECT_NE(on_host.reason.find("out of memory"), std::string::npos) << on_host.reason;
  EXPECT_FALSE(on_host.repeatable);
  hooks_.on_epoch = [](int, double) { throw unavailable_error("out of memory", "test", "wait"); };
  const ChildResult elsewhere = train();
  EXPECT_EQ(elsewhere.accuracy, 0);
  EXPECT_NE(elsewhere.reason.find("out of memory"), std::string::npos) << elsewhere.reason;
  EXPECT_FALSE(elsewhere.repeatable);
}

TEST_F(ChildTrainingTest, TimeEndsOneWhereItIs) {
  options_.recipe.epochs = 100000;
  options_.seconds = 0.2;
  options_.hopeless_share = 0;
  const ChildResult result = train();
  EXPECT_LT(result.epochs, 100000);
  EXPECT_NE(result.reason.find("stopped after"), std::string::npos) << result.reason;
  EXPECT_FALSE(result.repeatable);
}

TEST_F(ChildTrainingTest, AHopelessOneIsGivenUpAfterAThirdOfItsEpochs) {
  options_.recipe.epochs = 9;
  options_.recipe.lr = 1e-9;  // it learns nothing
  options_.hopeless_share = 0.9;
  const ChildResult result = train();
  EXPECT_EQ(result.epochs, 3);
  EXPECT_NE(result.reason.find("given up"), std::string::npos) << result.reason;
  EXPECT_TRUE(result.repeatable);
}

TEST_F(ChildTrainingTest, ASliceDecides) {
  io::Dataset slice = cache_.open({.train_records = 64, .validation_records = 10});
  options_.recipe.epochs = 1;
  const ChildResult result = train_child(network, slice, options_, {});
  EXPECT_EQ(result.accuracy * 10, std::round(result.accuracy * 10)) << "of ten images";
}

TEST(HopelessTest, GuessingIsWhatCounts) {
  EXPECT_TRUE(is_hopeless(0.10, 1, 3, 10, 0.05));
  EXPECT_TRUE(is_hopeless(0.14, 1, 3, 10, 0.05));
  EXPECT_FALSE(is_hopeless(0.15, 1, 3, 10, 0.05));
  EXPECT_FALSE(is_hopeless(0.10, 1, 4, 10, 0.05)) << "less than a third is over";
  EXPECT_FALSE(is_hopeless(0.10, 3, 3, 10, 0.05)) << "it is over anyway";
  EXPECT_TRUE(is_hopeless(0.05, 1, 3, 10, 0.05));
  EXPECT_FALSE(is_hopeless(0.05, 1, 3, 10, 0)) << "none is given up, however bad it guesses";
}

}  // namespace
}  // namespace podium::search
