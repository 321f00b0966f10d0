// The whole job on inputs/fashion_mnist-ci.cfg, with every number of ranks that the README names.
#include <algorithm>
#include <fstream>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

class RunOnRanks : public AppTest, public testing::WithParamInterface<int> {};

TEST_P(RunOnRanks, TrainsSelectsServesAndReports) {
  const auto job = start(GetParam(), "run");
  ASSERT_EQ(job->wait(), 0) << job->err();
  const nlohmann::json result = job->result();
  ASSERT_FALSE(result.is_null()) << job->out();
  EXPECT_EQ(result.at("verb"), "run");
  ASSERT_EQ(result.at("models").size(), 3U);

  const nlohmann::json* best = nullptr;
  for (const nlohmann::json& model : result.at("models")) {
    EXPECT_GT(model.at("parameters").get<int>(), 0);
    EXPECT_GT(model.at("images_per_s").get<double>(), 0.0);
    EXPECT_GT(model.at("train_s").get<double>(), 0.0);
    EXPECT_GT(model.at("test_accuracy").get<double>(), 0.5) << model.at("name");
    if (best == nullptr || model.at("val_accuracy") > best->at("val_accuracy")) best = &model;
  }
  const auto selected = std::ranges::find_if(result.at("models"), [&](const nlohmann::json& m) {
    return m.at("name") == result.at("selected");
  });
  ASSERT_NE(selected, result.at("models").end());
  EXPECT_EQ(selected->at("val_accuracy"), best->at("val_accuracy")) << "the best is published";
  EXPECT_EQ(result.at("front_door").at("accuracy"), selected->at("test_accuracy"))
      << "the service classifies as the trainers do";
  EXPECT_EQ(result.at("front_door").at("images"), 300);
  if (GetParam() == 1) {
    EXPECT_FALSE(result.at("front_door").contains("ranks")) << "there is no other rank";
  } else {
    const nlohmann::json& ranks = result.at("front_door").at("ranks");
    EXPECT_EQ(ranks.at("images"), 300);
    EXPECT_EQ(ranks.at("accuracy"), selected->at("test_accuracy"));
    EXPECT_LT(ranks.at("largest_difference").get<double>(), 1e-6) << "as over HTTP";
  }
  EXPECT_EQ(result.at("service").at("failed"), 0);
  EXPECT_LT(result.at("time_to_first_service_s"), result.at("total_s"));

  for (const nlohmann::json& model : result.at("models")) {
    uint64_t hits = 0;
    uint64_t images = 0;
    for (size_t truth = 0; truth < 4; ++truth) {
      for (size_t taken = 0; taken < 4; ++taken) {
        const auto count = model.at("confusion")[truth][taken].get<uint64_t>();
        images += count;
        if (truth == taken) hits += count;
      }
      EXPECT_EQ(model.at("per_class")[truth].at("support"), 75) << "labels are dealt in turn";
    }
    EXPECT_EQ(images, 300U);
    EXPECT_DOUBLE_EQ(static_cast<double>(hits) / 300, model.at("test_accuracy").get<double>());
    const std::string file = model.at("name").get<std::string>() + "-test.json";
    const nlohmann::json kept =
        nlohmann::json::parse(std::ifstream(run_dir() / "evaluation" / file));
    EXPECT_EQ(kept.at("confusion"), model.at("confusion"));
    EXPECT_EQ(kept.at("weights_xxh3"), model.at("weights_xxh3"));
    const auto& mistakes = kept.at("mistakes");
    EXPECT_EQ(mistakes.at("shape"), nlohmann::json({12, 12, 1}));
    EXPECT_EQ(mistakes.at("list").size(), std::min<uint64_t>(300 - hits, 12));
    for (const auto& mistake : mistakes.at("list")) {
      EXPECT_NE(mistake.at("label"), mistake.at("taken_for"));
      EXPECT_EQ(mistake.at("pixels").get<std::string>().size(), 2U * 12 * 12);
    }
  }
  EXPECT_NE(job->out().find("<- taken for"), std::string::npos) << job->out();

  for (const char* file : {"config.cfg", "metrics.jsonl", "registry/current.json"}) {
    EXPECT_TRUE(std::filesystem::exists(run_dir() / file)) << file;
  }
  EXPECT_FALSE(std::filesystem::exists(run_dir() / "checkpoints")) << "the run is complete";
}

INSTANTIATE_TEST_SUITE_P(Ranks, RunOnRanks, testing::Values(1, 2, 4, 6, 9));

class Run : public AppTest {
 protected:
  // The images that a confusion matrix counts, which must agree with the validation accuracy.
  static uint64_t validation_images(const nlohmann::json& result) {
    uint64_t images = 0;
    uint64_t hits = 0;
    for (size_t truth = 0; truth < result.at("confusion").size(); ++truth) {
      for (const nlohmann::json& count : result.at("confusion")[truth]) {
        images += count.get<uint64_t>();
      }
      hits += result.at("confusion")[truth][truth].get<uint64_t>();
    }
    EXPECT_DOUBLE_EQ(static_cast<double>(hits) / static_cast<double>(images),
                     result.at("val_accuracy").get<double>());
    return images;
  }
};

TEST_F(Run, ASecondRunReusesTheCacheAndSaysWhy) {
  ASSERT_EQ(start(2, "run")->wait(), 0);
  const auto second = start(2, "run");
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_NE(second->err().find("ingest: reused"), std::string::npos) << second->err();
  EXPECT_NE(second->err().find("source digest"), std::string::npos) << second->err();
  EXPECT_EQ(second->result().at("models").size(), 3U) << "models are trained and compared anew";
}

TEST_F(Run, ABetterModelOfAnEarlierRunStaysPublished) {
  ASSERT_EQ(start(2, "run", {"--run.models=dense"})->wait(), 0);
  const auto second = start(2, "run", {"--run.models=resnet", "--model.resnet.epochs=1"});
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_EQ(second->result().at("selected"), "dense");
  EXPECT_EQ(second->result().at("version"), 1);
  EXPECT_EQ(second->result().at("published_here"), false);

  const auto other_data =
      start(2, "run", {"--run.models=resnet", "--io.source=synthetic:2000,12,12,1,4"});
  ASSERT_EQ(other_data->wait(), 0) << other_data->err();
  EXPECT_EQ(other_data->result().at("selected"), "resnet") << "accuracies do not compare";
  EXPECT_EQ(other_data->result().at("version"), 2) << "numbers go on";
}

TEST_F(Run, SeparateJobsGiveTheSameAsOne) {
  const auto whole = start(4, "run");  // two trainers
  ASSERT_EQ(whole->wait(), 0) << whole->err();
  const nlohmann::json expected = whole->result();
  std::filesystem::remove_all(run_dir());

  ASSERT_EQ(start(3, "ingest")->wait(), 0);
  for (const nlohmann::json& model : expected.at("models")) {
    const auto train = start(2, "train", {"--train.model=" + model.at("name").get<std::string>()});
    ASSERT_EQ(train->wait(), 0) << train->err();
    EXPECT_EQ(train->result().at("weights_xxh3"), model.at("weights_xxh3")) << model.at("name");
    EXPECT_EQ(train->result().at("val_accuracy"), model.at("val_accuracy"));
    EXPECT_EQ(validation_images(train->result()), 300U);
  }
  const auto select = start(1, "select");
  ASSERT_EQ(select->wait(), 0) << select->err();
  EXPECT_EQ(select->result().at("published"), true);
  EXPECT_EQ(validation_images(select->result()), 300U);
  const auto predict = start_alone("predict");
  ASSERT_EQ(predict->wait(), 0) << predict->err();
  const auto selected = std::ranges::find_if(expected.at("models"), [&](const nlohmann::json& m) {
    return m.at("name") == select->result().at("selected");
  });
  ASSERT_NE(selected, expected.at("models").end());
  EXPECT_EQ(predict->result().at("accuracy"), selected->at("test_accuracy"));
  EXPECT_EQ(select->result().at("selected"), expected.at("selected"));
}

}  // namespace
}  // namespace podium::test
