// What is found out when a job starts, not once it has trained: recipes that cannot be trained, run
// folders that cannot be written or belong to another job, checkpoints of other recipes.
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "app_fixture.hpp"
#include "nn/backend.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;

struct Refused {
  const char* name;
  const char* verb;
  std::vector<std::string> flags;
  std::string words;  // that the message holds
};

void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.name;
}

// The faults are in models that come later.
class RefusedAtTheStart : public AppTest, public testing::WithParamInterface<Refused> {};

TEST_P(RefusedAtTheStart, BeforeAnyModelTrains) {
  const Refused& refused = GetParam();
  const auto job = start_alone(refused.verb, refused.flags);
  EXPECT_EQ(job->wait(), 2) << job->err();
  EXPECT_NE(job->last_words().find(refused.words), std::string::npos) << job->err();
  EXPECT_EQ(job->err().find("epoch  1/"), std::string::npos) << job->err();
  EXPECT_FALSE(fs::exists(run_dir() / "checkpoints" / "dense"));
}

INSTANTIATE_TEST_SUITE_P(
    Recipes, RefusedAtTheStart,
    testing::Values(
        Refused{"LearningRate", "run", {"--model.cnn.lr=0"}, "--model.cnn.lr"},
        Refused{"LearningRateOfAll",
                "train",
                {"--train.model=y", "--model.y.arch=dense classes", "--train.lr=0"},
                "--train.lr of model 'y'"},
        Refused{"Warmup", "run", {"--model.resnet.warmup=1"}, "--model.resnet.warmup"},
        Refused{"Shift", "run", {"--model.cnn.shift=12"}, "--model.cnn.shift"},
        Refused{"Cutout", "run", {"--model.resnet.cutout=24"}, "--model.resnet.cutout"},
        Refused{"CutoutOfAll", "train", {"--train.cutout=24"}, "--train.cutout of model 'cnn'"},
        Refused{"Average",
                "run",
                {"--model.cnn.ema=0.9", "--model.cnn.ema_every=1000"},
                "--model.cnn.ema_every"},
        Refused{"Images", "run", {"--model.cnn.arch=pool 13; dense classes"}, "model 'cnn'"},
        Refused{"Parameters",
                "run",
                {"--model.cnn.arch=dense 60000; dense 60000; dense classes"},
                "2^28 parameters"},
        Refused{"BatchNorm",
                "run",
                {"--model.cnn.arch=dense 8; bn; relu; dense classes", "--model.cnn.batch=1"},
                "--model.cnn.batch"},
        Refused{"BatchNormOfATail",
                "train",
                {"--train.model=cnn", "--model.cnn.arch=dense 8; bn; relu; dense classes",
                 "--train.batch=2699"},
                "last step of an epoch"},
        Refused{"LongName",
                "train",
                {"--train.model=" + std::string(129, 'm'),
                 "--model." + std::string(129, 'm') + ".arch=dense classes"},
                "cannot name a model"},
        Refused{"NameWithADot",
                "run",
                {"--run.models=dense,my.net", "--model.my.net.arch=dense classes"},
                "cannot name a model"},
        Refused{"TwoArchitectureTexts",
                "run",
                {"--run.models=relu; dense classes,dense 8; dense classes"},
                "two models"},
        Refused{"MoreTrainersThanRanks", "train", {"--roles=train=5"}, "--roles"}),
    [](const auto& refused) { return refused.param.name; });

class TrainingStart : public AppTest {
 protected:
  // As words(), with one model in few epochs.
  static Words small(const Words& more = {}) {
    Words words = {"--train.model=dense", "--run.models=dense"};
    append(words, more);
    return words;
  }
};

TEST_F(TrainingStart, APrecisionThatTheCoresDoNotMultiplyInEndsARunBeforeItsFirstModel) {
  if (nn::has_bf16_matrices({})) GTEST_SKIP() << "they do";
  const auto job = start_alone("run", {"--device=cpu", "--model.resnet.precision=bf16"});
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->last_words().find("--model.resnet.precision"), std::string::npos) << job->err();
  EXPECT_EQ(job->err().find("epoch  1/"), std::string::npos) << job->err();
}

TEST_F(TrainingStart, PartsOfTheRunFolderThatCannotBeWrittenAreFoundFirst) {
  for (const char* part : {"registry", "registry/candidates", "evaluation", "checkpoints"}) {
    for (const bool link : {false, true}) {
      fs::remove_all(run_dir());
      const fs::path path = run_dir() / part;
      fs::create_directories(path.parent_path());
      if (link) {
        fs::create_symlink("nowhere", path);
      } else {
        std::ofstream(path) << "a file";
      }
      for (const char* verb : {"train", "run"}) {
        const auto job = start_alone(verb, small());
        EXPECT_EQ(job->wait(), 74) << part << ", " << verb << ": " << job->err();
        EXPECT_NE(job->last_words().find(part), std::string::npos) << job->err();
        EXPECT_EQ(job->err().find("epoch  1/"), std::string::npos) << job->err();
      }
    }
  }
}

TEST_F(TrainingStart, ASecondJobInTheRunFolderIsRefusedWhileTheFirstMayStillWrite) {
  const auto first = start_alone("run", small({"--serve.linger=forever"}));
  ASSERT_TRUE(first->wait_for_err("or SIGTERM")) << first->err();
  std::string configuration;
  std::getline(std::ifstream(run_dir() / "config.cfg"), configuration, '\0');
  for (const char* verb : {"train", "run"}) {
    const auto second = start(2, verb, small({"--train.epochs=77"}));
    EXPECT_EQ(second->wait(), 69) << second->err();
    EXPECT_NE(second->last_words().find(run_dir().string()), std::string::npos) << second->err();
    EXPECT_NE(second->last_words().find("process " + std::to_string(first->pid())),
              std::string::npos)
        << second->err();
  }
  std::string kept;
  std::getline(std::ifstream(run_dir() / "config.cfg"), kept, '\0');
  EXPECT_EQ(kept, configuration);
  const auto reader = start_alone("predict");
  EXPECT_EQ(reader->wait(), 0) << reader->err();

  first->signal(SIGTERM);
  ASSERT_EQ(first->wait(), 0) << first->err();
  const auto third = start_alone("train", small());
  EXPECT_EQ(third->wait(), 0) << third->err();
}

TEST_F(TrainingStart, AJobThatWasKilledLeavesTheRunFolderFree) {
  const auto first = start_alone("train", small({"--model.dense.epochs=10000"}));
  ASSERT_TRUE(first->wait_for_err("epoch  1/")) << first->err();
  first->signal(SIGKILL);
  first->wait();
  const auto second = start_alone("train", small());
  EXPECT_EQ(second->wait(), 0) << second->err();
}

TEST_F(TrainingStart, ACheckpointOfAnotherRecipeIsKeptAside) {
  const auto first = start_alone("train", small({"--model.dense.epochs=10000"}));
  ASSERT_TRUE(first->wait_for_err("epoch  1/")) << first->err();
  first->signal(SIGTERM);
  ASSERT_EQ(first->wait(), 75) << first->err();
  const fs::path checkpoints = run_dir() / "checkpoints" / "dense";
  ASSERT_FALSE(fs::is_empty(checkpoints));

  const auto without = start_alone("train", small({"--ckpt.every=never"}));
  ASSERT_EQ(without->wait(), 0) << without->err();
  EXPECT_NE(without->err().find("leaves its checkpoints"), std::string::npos) << without->err();
  EXPECT_FALSE(fs::is_empty(checkpoints));

  const fs::path aside = run_dir() / "checkpoints" / "dense.old-1";
  const auto other = start_alone("run", small({"--memo=never"}));
  ASSERT_EQ(other->wait(), 0) << other->err();
  EXPECT_NE(other->err().find("kept as " + aside.string()), std::string::npos) << other->err();
  ASSERT_TRUE(fs::exists(aside));
  EXPECT_FALSE(fs::is_empty(aside));
  EXPECT_FALSE(fs::exists(checkpoints)) << "finished";
}

TEST_F(TrainingStart, ABatchOfMoreThanTheRecordsIsToldAsWhatItIs) {
  const auto job = start_alone("train", small({"--model.dense.batch=5000"}));
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_NE(job->err().find("batches of 2700 on"), std::string::npos) << job->err();
  EXPECT_NE(job->err().find("not the 5000 of --model.dense.batch"), std::string::npos)
      << job->err();
}

TEST_F(TrainingStart, TrainSaysThatRolesAreForRun) {
  const auto job = start(2, "train", small({"--roles=train=1"}));
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("ranks"), 2);
  EXPECT_NE(job->err().find("--roles is for `run`"), std::string::npos) << job->err();
}

}  // namespace
}  // namespace podium::test
