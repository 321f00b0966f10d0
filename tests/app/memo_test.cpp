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
  // The result of any verb that ends well.
  Json done(const std::string& verb, const Words& more = {}) const {
    auto job = start_alone(verb, more);
    EXPECT_EQ(job->wait(), 0) << job->err();
    return job->result();
  }
  bool reused(const std::string& verb, const Words& more = {}) const {
    return done(verb, more).at("reused").get<bool>();
  }
  static void damage(const std::filesystem::path& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file.put('\x5a').put('\x5a').put('\x5a');
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

  EXPECT_FALSE(train({"--memo=never"}).at("reused").get<bool>());
  const Json other = train({"--model.dense.lr=0.03"});
  EXPECT_FALSE(other.at("reused").get<bool>());
  EXPECT_NE(other.at("weights_xxh3"), first.at("weights_xxh3"));
  EXPECT_FALSE(train({"--io.split_seed=5"}).at("reused").get<bool>()) << "other data";
  EXPECT_TRUE(train({"--io.split_seed=5"}).at("reused").get<bool>());
}

TEST_F(Memo, ADamagedModelIsTrainedAgain) {
  train();
  damage(candidate());
  EXPECT_FALSE(train().at("reused").get<bool>());
  EXPECT_TRUE(train().at("reused").get<bool>());
}

TEST_F(Memo, ADamagedModelThatIsPublishedIsReplaced) {
  train();
  EXPECT_EQ(done("select").at("version"), 1);
  damage(candidate());  // and with it the version, which is the same file
  train();
  const Json again = done("select");
  EXPECT_EQ(again.at("version"), 2) << again.at("reason");
  EXPECT_NE(again.at("reason").get<std::string>().find("version 1 is damaged"), std::string::npos);
  const Json last = done("select");
  EXPECT_FALSE(last.at("published").get<bool>());
  EXPECT_NE(last.at("reason").get<std::string>().find("is published already, as version 2"),
            std::string::npos)
      << last.at("reason");
}

TEST_F(Memo, PredictionsAreReusedWhileModelImagesAndFileAreTheSame) {
  train();
  done("select");
  const auto csv = folder() / "predictions.csv";
  const Words output = {"--predict.output=" + csv.string()};
  const Json first = done("predict", output);
  EXPECT_FALSE(first.at("reused").get<bool>());
  const auto written = std::filesystem::last_write_time(csv);
  auto two = start(2, "predict", output);
  ASSERT_EQ(two->wait(), 0) << two->err();
  EXPECT_TRUE(two->result().at("reused").get<bool>()) << "ranks do not matter";
  EXPECT_EQ(two->result().at("confusion"), first.at("confusion"));
  EXPECT_NE(two->out().find("precision"), std::string::npos) << "the table is shown again";
  EXPECT_EQ(std::filesystem::last_write_time(csv), written);

  EXPECT_FALSE(reused("predict", joined(output, {"--memo=never"})));
  EXPECT_FALSE(reused("predict", joined(output, {"--predict.split=validation"})));
  EXPECT_TRUE(reused("predict", joined(output, {"--predict.split=validation"})));
  std::ofstream(csv, std::ios::app) << "7,7\n";
  EXPECT_FALSE(reused("predict", joined(output, {"--predict.split=validation"})));

  const Words model = joined(output, {"--predict.model=" + candidate().string()});
  done("predict", model);
  EXPECT_TRUE(reused("predict", model));
  train({"--model.dense.lr=0.03"});
  EXPECT_FALSE(reused("predict", model)) << "another model stands there";
}

TEST_F(Memo, AnExportIsWrittenAgainWhenModelOrFileChanged) {
  train();
  done("select");
  const auto onnx = folder() / "model.onnx";
  const Words output = {"--export.output=" + onnx.string()};
  EXPECT_FALSE(reused("export", output));
  EXPECT_TRUE(reused("export", output));
  EXPECT_FALSE(reused("export", {"--export.output=" + (folder() / "other.onnx").string()}));
  EXPECT_TRUE(reused("export", output)) << "each file has a memo of its own";
  damage(onnx);
  EXPECT_FALSE(reused("export", output));
  EXPECT_FALSE(reused("export", joined(output, {"--memo=never"})));
  for (const auto& entry : std::filesystem::directory_iterator(run_dir() / "memo")) {
    std::ofstream(entry.path(), std::ios::app) << "}";
  }
  EXPECT_FALSE(reused("export", output)) << "a damaged memo is none";
}

TEST_F(Memo, AFinishedSearchIsNotSearchedAgain) {
  const Words words = {"--roles=ps=1,controller=1,child=1", "--search.method=random",
                       "--search.space=gap; dense {4|5|6|7}; relu; dense classes",
                       "--search.samples=3", "--search.epochs=1"};
  const Json first = done("search", words);
  EXPECT_FALSE(first.at("reused").get<bool>());
  const Json again = done("search", words);
  EXPECT_TRUE(again.at("reused").get<bool>());
  EXPECT_EQ(again.at("best_architecture"), first.at("best_architecture"));
  EXPECT_FALSE(reused("search", joined(words, {"--train.lr=0.07"})));
  EXPECT_FALSE(reused("search", words)) << "the winner's file is another search's";
  const Json forced = done("search", joined(words, {"--memo=never"}));
  EXPECT_FALSE(forced.at("reused").get<bool>());
  EXPECT_GT(forced.at("trained").get<int>(), 0) << "nor are its networks known";
}

TEST_F(Memo, WhatWasLearntIsNotLearntAgain) {
  const Words words = {"--roles=explorer=1,buffer=1,train=1", "--learn.environment=cartpole",
                       "--learn.updates=20", "--learn.evaluation=2"};
  const Json first = done("learn", words);
  EXPECT_FALSE(first.at("reused").get<bool>());
  const Json again = done("learn", words);
  EXPECT_TRUE(again.at("reused").get<bool>());
  EXPECT_EQ(again.at("weights_xxh3"), first.at("weights_xxh3"));
  damage(run_dir() / "policy.h5");
  EXPECT_FALSE(reused("learn", words));
  EXPECT_FALSE(reused("learn", joined(words, {"--learn.seed=2"})));
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
