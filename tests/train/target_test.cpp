// Training to a target accuracy, and MLPerf's log of it.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "train/mlperf_log.hpp"
#include "training_fixture.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;
using train::MlperfLog;

class TargetTest : public test::TrainingTest {
 protected:
  std::filesystem::path log_file() const { return cache_.folder() / "mlperf.log"; }

  // The events in the log; every line must be one.
  std::vector<Json> events() const {
    const std::string prefix = ":::MLLOG ";
    std::vector<Json> result;
    std::ifstream file(log_file());
    for (std::string line; std::getline(file, line);) {
      EXPECT_TRUE(line.starts_with(prefix)) << line;
      result.push_back(Json::parse(line.substr(prefix.size())));
    }
    return result;
  }
};

TEST_F(TargetTest, EndsOnceReached) {
  train::TrainerOptions options;
  std::vector<double> accuracies;
  options.on_epoch = [&](const train::Progress& now) { accuracies.push_back(now.val_accuracy); };
  train(test::small_recipe(), 2, options);
  ASSERT_EQ(accuracies.size(), 4U);
  EXPECT_FALSE(reached_) << "none was set";
  const std::vector<double> all = accuracies;
  const double target = *std::ranges::max_element(all);
  const auto first = std::ranges::find_if(all, [&](double a) { return a >= target; });

  accuracies.clear();
  options.target_accuracy = target;
  train(test::small_recipe(), 2, options);
  EXPECT_TRUE(reached_);
  EXPECT_EQ(accuracies, std::vector<double>(all.begin(), first + 1));
  EXPECT_EQ(kept_accuracy_, progress_.val_accuracy);
  EXPECT_GT(progress_.total_s, 0);

  accuracies.clear();
  options.target_accuracy = 1.01;
  train(test::small_recipe(), 2, options);
  EXPECT_FALSE(reached_);
  EXPECT_EQ(accuracies, all);
}

TEST_F(TargetTest, ARunThatReachedItStaysSoAndAHigherTargetGoesOn) {
  train::Recipe recipe = test::small_recipe();
  recipe.ema = 0.9;
  const std::string whole = train(recipe, 2);
  train::TrainerOptions options;
  options.checkpoints.folder = cache_.folder() / "small";
  options.checkpoints.every.count =
      3;  // it is written once the target is reached, whenever that is
  options.target_accuracy = 0.01;
  const std::string early = train(recipe, 2, options);
  EXPECT_EQ(progress_.epochs, 1);
  const double seconds = progress_.total_s;
  EXPECT_EQ(train(recipe, 2, options), early);
  EXPECT_EQ(progress_.epochs, 1);
  EXPECT_EQ(progress_.total_s, seconds) << "nothing was trained anew";
  options.target_accuracy = 1.01;
  EXPECT_EQ(train(recipe, 2, options), whole);
  EXPECT_EQ(progress_.epochs, 4);
}

TEST_F(TargetTest, TheLogHasEpochsAndEvaluationsInTheirOrder) {
  train::TrainerOptions options;
  options.mlperf = std::make_shared<MlperfLog>(log_file(), "small", Log());
  train(test::small_recipe(), 3, options);
  const std::vector<Json> all = events();
  const std::vector<std::pair<std::string, std::string>> of_an_epoch = {
      {"epoch_start", "INTERVAL_START"},
      {"epoch_stop", "INTERVAL_END"},
      {"eval_start", "INTERVAL_START"},
      {"eval_accuracy", "POINT_IN_TIME"},
      {"eval_stop", "INTERVAL_END"}};
  ASSERT_EQ(all.size(), 4 * of_an_epoch.size());
  int64_t before = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const Json& event = all[i];
    EXPECT_EQ(event.at("namespace"), "");
    EXPECT_EQ(event.at("key"), of_an_epoch[i % 5].first);
    EXPECT_EQ(event.at("event_type"), of_an_epoch[i % 5].second);
    EXPECT_EQ(event.at("metadata").at("epoch_num"), i / 5 + 1);
    EXPECT_EQ(event.at("metadata").at("model"), "small");
    EXPECT_EQ(event.at("metadata").at("file"), "src/train/trainer.cpp");
    EXPECT_GT(event.at("metadata").at("lineno"), 0);
    EXPECT_GE(event.at("time_ms").get<int64_t>(), before);
    EXPECT_EQ(event.size(), 6U);
    before = event.at("time_ms");
  }
  EXPECT_EQ(all[18].at("value"), progress_.val_accuracy);
  EXPECT_TRUE(all[0].at("value").is_null());
}

TEST_F(TargetTest, AnEpochThatIsStoppedIsClosedInTheLog) {
  train::TrainerOptions options;
  options.mlperf = std::make_shared<MlperfLog>(log_file(), "small", Log());
  options.should_stop = [] { return true; };
  train(test::small_recipe(), 2, options, train::Trainer::Outcome::stopped);
  const std::vector<Json> all = events();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].at("key"), "epoch_stop");
}

TEST_F(TargetTest, GroupsShareTheLogLineByLine) {
  constexpr int lines = 200;
  std::vector<std::thread> leaders;
  for (const char* model : {"dense", "cnn", "resnet"}) {
    leaders.emplace_back([this, model] {
      MlperfLog log(log_file(), model, Log());
      for (int i = 0; i < lines; ++i) log.point("eval_accuracy", i);
    });
  }
  for (std::thread& leader : leaders) leader.join();
  std::map<std::string, int> next;
  for (const Json& event : events()) {
    EXPECT_EQ(event.at("value"), next[event.at("metadata").at("model")]++);
  }
  EXPECT_EQ(next,
            (std::map<std::string, int>{{"cnn", lines}, {"dense", lines}, {"resnet", lines}}));
}

TEST(MlperfLog, WithoutAFileWritesNothing) {
  MlperfLog log;
  log.start("run_start");
  log.point("seed", 1);
  log.stop("run_stop");
}

}  // namespace
}  // namespace podium
