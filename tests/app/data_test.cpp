// Data of other kinds through the whole executable: colour images in CIFAR's files, transforms,
// memo modes, appends while a run follows, and small memory budgets.
#include <fstream>

#include "app_fixture.hpp"
#include "core/random.hpp"

namespace podium::test {
namespace {

constexpr int side = 32;
constexpr int classes = 10;

// One record of CIFAR-10's binary files: a label, then planes of red, green and blue. Each class
// has a colour of its own under noise.
std::string cifar_record(Random& random) {
  const auto label = static_cast<int>(random.below(classes));
  std::string record(1, static_cast<char>(label));
  for (int channel = 0; channel < 3; ++channel) {
    const int level = (label * (channel + 3) * 37) % 200;
    for (int i = 0; i < side * side; ++i) {
      record += static_cast<char>(level + static_cast<int>(random.below(56)));
    }
  }
  return record;
}

void write_records(const std::filesystem::path& path, int records, uint64_t seed) {
  Random random(seed);
  std::ofstream file(path, std::ios::binary);
  for (int i = 0; i < records; ++i) file << cifar_record(random);
}

class DataTest : public AppTest {
 protected:
  DataTest() {
    std::filesystem::create_directories(cifar());
    for (int i = 1; i <= 2; ++i) {
      write_records(cifar() / ("data_batch_" + std::to_string(i) + ".bin"), 300,
                    static_cast<uint64_t>(i));
    }
    write_records(cifar() / "test_batch.bin", 100, 9);
  }

  std::filesystem::path cifar() const { return folder() / "cifar"; }
  Words with_cifar(const Words& more = {}) const {
    Words all = {"--io.source=" + cifar().string(), "--io.validation=100"};
    append(all, more);
    return all;
  }

  nlohmann::json ingest(const Words& more) const {
    const auto job = start_alone("ingest", more);
    EXPECT_EQ(job->wait(), 0) << job->err();
    return job->result();
  }
};

TEST_F(DataTest, ColourImagesInCifarsFilesTrainEndToEnd) {
  const auto job = start(2, "run", with_cifar());
  ASSERT_EQ(job->wait(), 0) << job->err();
  for (const nlohmann::json& model : job->result().at("models")) {
    EXPECT_GT(model.at("test_accuracy").get<double>(), 0.5) << model.at("name");
  }
  EXPECT_EQ(job->result().at("front_door").at("images"), 100);
  EXPECT_GT(job->result().at("memory_cache").at("hits").get<double>(), 0);
  EXPECT_NE(job->err().find("memory cache of all trainers"), std::string::npos);
}

TEST_F(DataTest, TransformsChangeTheModelsImages) {
  const auto job = start(2, "train",
                         with_cifar({"--io.transform=grayscale; resize 16 16",
                                     "--train.model=gap; dense classes", "--train.epochs=1"}));
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("parameters"), classes * (1 + 1));  // one channel after gap
}

TEST_F(DataTest, ABudgetOfNothingTrainsToTheSameCounts) {
  const auto job = start(2, "train",
                         with_cifar({"--train.model=dense", "--train.epochs=2",
                                     "--io.cache_memory=0", "--io.prefetch_threads=2"}));
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("memory_cache").at("hits"), 0);
}

TEST_F(DataTest, MemoModesDecideAndSayWhy) {
  EXPECT_EQ(ingest(with_cifar()).at("reused"), false);
  EXPECT_EQ(ingest(with_cifar()).at("reused"), true);
  write_records(cifar() / "test_batch.bin", 100, 10);
  EXPECT_EQ(ingest(with_cifar({"--memo=age"})).at("reused"), true);
  const nlohmann::json changed = ingest(with_cifar());
  EXPECT_EQ(changed.at("reused"), false);
  EXPECT_NE(changed.at("reason").get<std::string>().find("content has changed"), std::string::npos);
  EXPECT_EQ(ingest(with_cifar({"--memo=never"})).at("reused"), false);
}

TEST_F(DataTest, AnAppendIsTakenUpByARunThatFollows) {
  ingest(with_cifar());
  const auto job = start(
      2, "train", with_cifar({"--train.model=dense", "--model.dense.epochs=4000", "--io.follow"}));
  ASSERT_TRUE(job->wait_for_err("epoch  2/4000")) << job->err();
  write_records(cifar() / "data_batch_3.bin", 150, 3);
  const nlohmann::json appended = ingest(with_cifar({"--append"}));
  EXPECT_EQ(appended.at("appended"), 150);
  EXPECT_EQ(appended.at("generation"), 1);
  EXPECT_TRUE(job->wait_for_err("takes up 150 appended records, 650 in all")) << job->err();
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 75) << job->err();
  const auto resumed = start(
      2, "train", with_cifar({"--train.model=dense", "--model.dense.epochs=4000", "--io.follow"}));
  EXPECT_TRUE(resumed->wait_for_err("goes on after epoch")) << resumed->err();
  resumed->signal(SIGTERM);
  EXPECT_EQ(resumed->wait(), 75) << resumed->err();
}

TEST_F(DataTest, AppendingIsRefusedWhereItMakesNoSense) {
  const auto nothing_there = start_alone("ingest", with_cifar({"--append"}));
  EXPECT_EQ(nothing_there->wait(), 69) << nothing_there->err();
  const auto elsewhere = start_alone("train", with_cifar({"--append"}));
  EXPECT_EQ(elsewhere->wait(), 2) << elsewhere->err();
  ingest(with_cifar());
  EXPECT_EQ(ingest(with_cifar({"--append"})).at("appended"), 0);
  const auto other = start_alone("ingest", with_cifar({"--append=synthetic:50,8,8,1,3"}));
  EXPECT_EQ(other->wait(), 65) << other->err();
}

TEST_F(DataTest, BenchOfModelsTellsRows) {
  const Words quick = {"--run.models=dense",           "--bench.threads=1",
                       "--bench.peak=false",           "--bench.batches=64",
                       "--bench.predict_batches=none", "--bench.repetitions=1",
                       "--bench.seconds=0.01"};
  Words words = {PODIUM_EXECUTABLE, "bench", "nn", PODIUM_CI_INPUT,
                 "--io.cache_dir=" + (folder() / "cache").string()};
  append(words, quick);
  Process bench(words);
  ASSERT_EQ(bench.wait(), 0) << bench.err();
  const auto rows = bench.result().at("rows");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("what"), "train dense, batch 64, 1 thread");
  EXPECT_GT(rows[0].at("ours"), 0);
  for (const char* wrong : {"--bench.batches=64,x", "--bench.threads=0", "--bench.batches=99999",
                            "--bench.batches=4096", "--bench.seconds=0"}) {
    Words refused = words;
    refused.emplace_back(wrong);
    Process process(refused);
    EXPECT_EQ(process.wait(), 2) << wrong << ": " << process.err();
  }
}

TEST_F(DataTest, BenchWantsToKnowOfWhat) {
  EXPECT_EQ(Process({PODIUM_EXECUTABLE, "bench"}).wait(), 2);
  EXPECT_EQ(Process({PODIUM_EXECUTABLE, "bench", "oi"}).wait(), 2);
}

}  // namespace
}  // namespace podium::test
