// Steps that need not be done again: what decides that, what a person is told, and that jobs which
// train one model each share a run folder.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

class Memo : public AppTest {
 protected:
  // The result of one `train`.
  Json train(const Words& more = {}) const {
    auto job = start_alone("train", joined({"--train.model=dense"}, more));
    EXPECT_EQ(job->wait(), 0) << job->err();
    return job->result();
  }
  std::filesystem::path candidate() const { return run_dir() / "registry/candidates/dense.h5"; }
};

TEST_F(Memo, ATrainingIsReusedUntilSomethingThatDecidesItChanges) {
  const Json first = train();
  EXPECT_FALSE(first.at("reused").get<bool>());
  const auto written = std::filesystem::last_write_time(candidate());
  const Json again = train();
  EXPECT_TRUE(again.at("reused").get<bool>());
  EXPECT_EQ(again.at("weights_xxh3"), first.at("weights_xxh3"));
  EXPECT_EQ(again.at("confusion"), first.at("confusion"));
  EXPECT_EQ(std::filesystem::last_write_time(candidate()), written) << "nothing is to be done";

  EXPECT_FALSE(train({"--memo.mode=never"}).at("reused").get<bool>());
  const Json other = train({"--model.dense.lr=0.03"});
  EXPECT_FALSE(other.at("reused").get<bool>());
  EXPECT_NE(other.at("weights_xxh3"), first.at("weights_xxh3"));
  EXPECT_FALSE(train({"--io.split_seed=5"}).at("reused").get<bool>()) << "other data";
  EXPECT_TRUE(train({"--io.split_seed=5"}).at("reused").get<bool>());
}

TEST_F(Memo, ADamagedModelIsTrainedAgain) {
  train();
  std::fstream file(candidate(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(candidate()) / 2));
  file.put('\x5a').put('\x5a').put('\x5a');
  file.close();
  EXPECT_FALSE(train().at("reused").get<bool>());
  EXPECT_TRUE(train().at("reused").get<bool>());
}

TEST_F(Memo, AWholeJobReusesItsModelsAndKeepsTheVersion) {
  auto first = start(3, "run");
  ASSERT_EQ(first->wait(), 0) << first->err();
  auto second = start(3, "run");
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_EQ(second->result().at("selected"), first->result().at("selected"));
  const Json result = second->result();
  for (const Json& model : result.at("models")) {
    EXPECT_TRUE(model.at("reused").get<bool>()) << model.at("name");
    EXPECT_GT(model.at("test_accuracy").get<double>(), 0.5);
  }
  const Json current = Json::parse(std::ifstream(run_dir() / "registry/current.json"));
  EXPECT_EQ(current.at("name"), first->result().at("selected"));
}

TEST_F(Memo, InspectTellsWhatStepsDidAndSaved) {
  train();
  train();
  Process inspect({PODIUM_EXECUTABLE, "inspect", "memo", "--run.dir=" + run_dir().string()});
  ASSERT_EQ(inspect.wait(), 0) << inspect.err();
  const Json result = inspect.result();
  const auto& steps = result.at("steps");
  const auto found = std::ranges::find_if(
      steps, [](const Json& step) { return step.at("step") == "train dense"; });
  ASSERT_NE(found, steps.end());
  EXPECT_TRUE(found->at("reused").get<bool>());
  EXPECT_GT(found->at("saved_s").get<double>(), 0);
  EXPECT_GE(result.at("saved_s").get<double>(), found->at("saved_s").get<double>());

  Process nothing(
      {PODIUM_EXECUTABLE, "inspect", "memo", "--run.dir=" + (folder() / "no").string()});
  EXPECT_EQ(nothing.wait(), 65);
  EXPECT_FALSE(std::filesystem::exists(folder() / "no")) << "looking changes nothing";
}

TEST_F(Memo, JobsOfOneModelEachShareARunFolder) {
  auto dense = start_alone("train", {"--train.model=dense"});
  auto cnn = start_alone("train", {"--train.model=cnn"});
  EXPECT_EQ(dense->wait(), 0) << dense->err();
  EXPECT_EQ(cnn->wait(), 0) << cnn->err();
  auto select = start_alone("select");
  ASSERT_EQ(select->wait(), 0) << select->err();
  const Json comparison = Json::parse(std::ifstream(run_dir() / "comparison.json"));
  EXPECT_EQ(comparison.at("models").size(), 2U);
  EXPECT_EQ(comparison.at("missing"), Json({"resnet"}));
  EXPECT_GE(comparison.at("models").at(0).at("val_accuracy"),
            comparison.at("models").at(1).at("val_accuracy"));
}

}  // namespace
}  // namespace podium::test
