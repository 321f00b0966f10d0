// Checkpoints as users meet them: jobs that are killed, stopped or out of time, and disks that are
// full or changed behind their back.
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "app_fixture.hpp"
#include "core/random.hpp"
#include "io/data_files.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Checkpoint : public AppTest {
 protected:
  // Some hundred steps of a small network.
  static Words training(const Words& more = {}) {
    Words words = {"--train.model=cnn", "--model.cnn.epochs=20", "--train.threads=1",
                   "--ckpt.every=5steps", "--log.level=info"};
    append(words, more);
    return words;
  }

  fs::path checkpoints() const { return run_dir() / "checkpoints" / "cnn"; }

  // Files with this extension, by name.
  std::vector<fs::path> files(const char* extension) const {
    std::vector<fs::path> paths;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(checkpoints(), ignored)) {
      if (entry.path().extension() == extension) paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
  }

  // Whether some checkpoint of this run folder is in the memory of the node.
  bool memory_holds_states() const {
    const fs::path root = "/dev/shm/podium-" + std::to_string(geteuid());
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
      if (entry.path().filename() != "run_dir") continue;
      std::string path;
      std::getline(std::ifstream(entry.path()), path);
      if (path != fs::weakly_canonical(run_dir())) continue;
      const auto inside = fs::recursive_directory_iterator(entry.path().parent_path());
      return std::ranges::any_of(inside,
                                 [](const auto& file) { return file.path().extension() == ".h5"; });
    }
    return false;
  }

  // What the run that nobody disturbs comes to, and how long it trains.
  struct Undisturbed {
    std::string hash;
    double train_s = 0;
  };

  Undisturbed undisturbed(int ranks, int epochs = 20) {
    const auto job = start_on(
        ranks, training({"--ckpt.every=never", "--model.cnn.epochs=" + std::to_string(epochs)}));
    EXPECT_EQ(job->wait(), 0) << job->err();
    Undisturbed run{job->result().at("weights_xxh3"), job->result().at("train_s")};
    fs::remove_all(run_dir());
    return run;
  }

  std::unique_ptr<Process> start_on(int ranks, const Words& more) const {
    return ranks == 1 ? start_alone("train", more) : start(ranks, "train", more);
  }

  // Kills the job, or one of its ranks; false if it had ended.
  static bool kill_one(Process& job, int ranks) {
    if (!job.running()) return false;
    if (ranks == 1) {
      job.signal(SIGKILL);
      return true;
    }
    for (const pid_t child : children_of(job.pid())) {
      for (const pid_t rank : children_of(child)) {
        if (name_of(rank) == "podium") return ::kill(rank, SIGKILL) == 0;
      }
      if (name_of(child) == "podium") return ::kill(child, SIGKILL) == 0;
    }
    return false;
  }

  // Kills a run `kills` times at random moments, then lets it end. How long a run lives follows
  // from how long all of it takes: machines differ, and most of the kills are to meet a run at
  // work.
  void expect_the_same_bits_after(int kills, int ranks, uint64_t seed, const Undisturbed& alone) {
    Random random(seed);
    const auto longest_us = static_cast<uint64_t>(1.5e6 * alone.train_s / kills) + 1;
    const Words saving = training({"--ckpt.memory=3steps", "--ckpt.part_bytes=1KiB"});
    int killed = 0;
    for (int round = 0; round < kills; ++round) {
      const bool some = !files(".json").empty();
      const auto job = start_on(ranks, saving);
      const bool begins = ranks == 1 && round == 0;  // with more there is only mpirun, for long
      if (!begins) job->wait_for_err("parameters");
      usleep(static_cast<useconds_t>(begins ? random.below(300'000) : random.below(longest_us)));
      killed += kill_one(*job, ranks) ? 1 : 0;
      job->wait();
      EXPECT_EQ(job->err().find("refused"), std::string::npos) << job->err();
      EXPECT_EQ(job->err().find("starts anew"), std::string::npos) << job->err();
      const bool trains = job->err().find("parameters") != std::string::npos;
      if (some && job->err().find("epoch ") != std::string::npos && trains) {
        EXPECT_NE(job->err().find("goes on after epoch"), std::string::npos) << job->err();
      }
    }
    EXPECT_GT(killed, kills / 2);
    const auto last = start_on(ranks, saving);
    ASSERT_EQ(last->wait(), 0) << last->err();
    EXPECT_EQ(last->result().at("weights_xxh3"), alone.hash);
    EXPECT_FALSE(fs::exists(checkpoints())) << "it is finished";
    fs::remove_all(run_dir());
  }
};

TEST_F(Checkpoint, AKilledRunEndsWithTheSameBits) {
  expect_the_same_bits_after(6, 1, 1, undisturbed(1));
}

TEST_F(Checkpoint, ARunOfWhichOneRankIsKilledEndsWithTheSameBits) {
  expect_the_same_bits_after(3, 2, 2, undisturbed(2));
}

// ctest -L long
TEST_F(Checkpoint, LongFiftyKillsEndWithTheSameBits) {
  if (std::getenv("PODIUM_LONG_TESTS") == nullptr) GTEST_SKIP() << "set PODIUM_LONG_TESTS=1";
  const Undisturbed alone = undisturbed(1);
  for (uint64_t chain = 0; chain < 8; ++chain) expect_the_same_bits_after(5, 1, 10 + chain, alone);
  const Undisturbed together = undisturbed(2);
  for (uint64_t chain = 0; chain < 2; ++chain) {
    expect_the_same_bits_after(5, 2, 20 + chain, together);
  }
}

TEST_F(Checkpoint, ASignalSavesInTheMiddleOfAnEpochAndEndsWith75) {
  const std::string hash = undisturbed(2).hash;
  for (const int signal : {SIGUSR1, SIGTERM}) {
    const auto job = start(2, "train", training({"--ckpt.every=100000epochs"}));
    ASSERT_TRUE(job->wait_for_err("  loss ")) << job->err();
    job->signal(signal);
    ASSERT_EQ(job->wait(), 75) << job->err();
    ASSERT_GE(files(".json").size(), 1U) << job->err();
  }
  const auto last = start(2, "train", training());
  ASSERT_EQ(last->wait(), 0) << last->err();
  EXPECT_NE(last->err().find("goes on after epoch"), std::string::npos) << last->err();
  EXPECT_EQ(last->result().at("weights_xxh3"), hash);
}

TEST_F(Checkpoint, TheEndOfItsTimeIsASignalToo) {
  for (const char* verb : {"train", "run"}) {
    fs::remove_all(run_dir());
    const Words words = training({"--run.max_time=3s", "--model.cnn.epochs=10000",
                                  "--run.models=cnn", "--ckpt.every=100000epochs"});
    const auto job = start(2, verb, words);
    ASSERT_EQ(job->wait(), 75) << job->err();
    EXPECT_NE(job->err().find("the time of this job is up"), std::string::npos) << job->err();
    const bool trained = job->err().find("  loss ") != std::string::npos;
    EXPECT_EQ(files(".json").size(), trained ? 1U : 0U) << job->err();
  }
}

TEST_F(Checkpoint, TheEndThatSlurmSetIsKept) {
  Words command = {"env", "SLURM_JOB_END_TIME=" + std::to_string(std::time(nullptr) + 8)};
  append(command, words("train", training({"--run.end_margin=6s", "--model.cnn.epochs=10000"})));
  Process job(command);
  EXPECT_EQ(job.wait(), 75) << job.err();
  EXPECT_FALSE(files(".json").empty());
}

TEST_F(Checkpoint, ADamagedNewestIsRefusedByNameAndTheOneBeforeUsed) {
  const std::string hash = undisturbed(1).hash;
  Random random(3);
  for (const char* extension : {".h5", ".json"}) {
    const auto first = start_alone("train", training({"--model.cnn.epochs=20"}));
    ASSERT_TRUE(first->wait_for_err("epoch  2/")) << first->err();
    first->signal(SIGTERM);
    ASSERT_EQ(first->wait(), 75) << first->err();
    const fs::path newest = files(extension).back();
    Bytes bytes = read_bytes(newest);
    bytes[random.below(bytes.size() - 1)] ^= static_cast<uint8_t>(1 << random.below(8));
    write_bytes(newest, bytes);
    const auto second = start_alone("train", training());
    ASSERT_EQ(second->wait(), 0) << second->err();
    EXPECT_NE(second->err().find("the checkpoint is refused"), std::string::npos) << second->err();
    EXPECT_NE(second->err().find(newest.string()), std::string::npos) << second->err();
    EXPECT_NE(second->err().find("goes on after epoch"), std::string::npos) << second->err();
    EXPECT_EQ(second->result().at("weights_xxh3"), hash);
    EXPECT_TRUE(fs::exists(checkpoints() / "refused" / newest.filename())) << "nothing is lost";
    fs::remove_all(run_dir());
  }
}

TEST_F(Checkpoint, ANewerFormatAndAnotherArchitectureAreToldAndNothingIsLost) {
  const auto first = start_alone("train", training());
  ASSERT_TRUE(first->wait_for_err("epoch  1/")) << first->err();
  first->signal(SIGTERM);
  ASSERT_EQ(first->wait(), 75) << first->err();
  for (const fs::path& marker : files(".json")) {
    std::string text;
    std::getline(std::ifstream(marker), text);
    text.replace(text.find("\"format\":1"), 10, "\"format\":9");
    std::ofstream(marker) << text << "\n";
  }
  const auto newer = start_alone("train", training({"--model.cnn.epochs=1"}));
  ASSERT_EQ(newer->wait(), 0) << newer->err();
  EXPECT_NE(newer->err().find("format 9"), std::string::npos) << newer->err();
  EXPECT_TRUE(fs::exists(run_dir() / "checkpoints" / "cnn.old-1"));

  const auto second = start_alone("train", training());
  ASSERT_TRUE(second->wait_for_err("epoch  1/")) << second->err();
  second->signal(SIGTERM);
  ASSERT_EQ(second->wait(), 75) << second->err();
  const auto other = start_alone(
      "train", training({"--model.cnn.arch=dense 8; relu; dense classes", "--model.cnn.epochs=1"}));
  ASSERT_EQ(other->wait(), 0) << other->err();
  EXPECT_NE(other->err().find("of another recipe"), std::string::npos) << other->err();
  EXPECT_TRUE(fs::exists(run_dir() / "checkpoints" / "cnn.old-2"));
}

TEST_F(Checkpoint, AFileInPlaceOfTheModelsFolderIsFoundFirst) {
  fs::create_directories(checkpoints().parent_path());
  std::ofstream(checkpoints()) << "a file";
  const auto job = start_alone("train", training());
  EXPECT_EQ(job->wait(), 74) << job->err();
  EXPECT_NE(job->last_words().find(checkpoints().string()), std::string::npos) << job->err();
  EXPECT_EQ(job->err().find("epoch  1/"), std::string::npos) << job->err();
}

// What a signal saved is on disk, what comes after it only in memory.
TEST_F(Checkpoint, AKilledJobGoesOnFromTheMemoryWhereThatIsNewerThanTheDisk) {
  const Words saving = training({"--model.cnn.epochs=250", "--ckpt.every=100000epochs",
                                 "--ckpt.memory=3steps", "--run.models=cnn", "--serve.replicas=1"});
  const std::string hash = undisturbed(2, 250).hash;
  for (const char* verb : {"train", "run"}) {
    const bool runs = std::string(verb) == "run";
    const auto start_it = [&] {
      Words words = saving;
      if (runs) words.emplace_back("--roles=ingest=1,train=2,ckpt=1,serve=1");
      return start(runs ? 4 : 2, verb, words);
    };
    const auto first = start_it();
    ASSERT_TRUE(first->wait_for_err("epoch  2/")) << first->err();
    first->signal(SIGTERM);
    ASSERT_EQ(first->wait(), 75) << first->err();
    const auto second = start_it();
    ASSERT_TRUE(second->wait_for_err("  loss ")) << second->err();
    ASSERT_TRUE(kill_one(*second, 2));
    second->wait();
    const auto third = start_it();
    ASSERT_EQ(third->wait(), 0) << third->err();
    EXPECT_NE(third->err().find("from /dev/shm/podium-"), std::string::npos) << third->err();
    EXPECT_NE(third->err().find("the newest on disk: step "), std::string::npos) << third->err();
    const json result = third->result();
    EXPECT_EQ((runs ? result.at("models").at(0) : result).at("weights_xxh3"), hash) << verb;
    EXPECT_FALSE(memory_holds_states()) << "it is finished";
    fs::remove_all(run_dir());
  }
}

TEST_F(Checkpoint, WhatARunFolderOfTheSameNameLeftInMemoryIsNotGoneOnFrom) {
  const Words saving = training({"--ckpt.every=never", "--ckpt.memory=3steps"});
  const auto first = start_alone("train", saving);
  ASSERT_TRUE(first->wait_for_err("epoch  2/")) << first->err();
  first->signal(SIGKILL);
  first->wait();
  EXPECT_TRUE(memory_holds_states());
  fs::remove_all(run_dir());
  const auto second = start_alone("train", saving);
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_EQ(second->err().find("goes on after"), std::string::npos) << second->err();
}

// A file system of its own, for as long as the object lives.
class SmallDisk {
 public:
  SmallDisk(fs::path folder, const char* size) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    const std::string options = std::string("size=") + size;
    mounted_ = ::mount("podium-test", folder_.c_str(), "tmpfs", 0, options.c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  bool make_read_only() const {
    return ::mount("", folder_.c_str(), "", MS_REMOUNT | MS_RDONLY, "") == 0;
  }

 private:
  fs::path folder_;
  bool mounted_ = false;
};

TEST_F(Checkpoint, AFullDiskCostsNoRunThatFinishesAndAStopEndsWith74) {
  const std::string hash = undisturbed(1).hash;
  const SmallDisk disk(run_dir() / "checkpoints", "8k");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser may mount a small disk";
  const auto whole = start_alone("train", training());
  ASSERT_EQ(whole->wait(), 0) << whole->err();
  EXPECT_NE(whole->err().find("could not be written"), std::string::npos) << whole->err();
  EXPECT_NE(whole->err().find("No space left"), std::string::npos) << whole->err();
  EXPECT_EQ(whole->result().at("weights_xxh3"), hash);

  const auto stopped = start_alone("train", training({"--model.cnn.epochs=1000"}));
  ASSERT_TRUE(stopped->wait_for_err("epoch  1/")) << stopped->err();
  stopped->signal(SIGTERM);
  EXPECT_EQ(stopped->wait(), 74) << stopped->err();
  EXPECT_NE(stopped->last_words().find("No space left"), std::string::npos) << stopped->err();
}

TEST_F(Checkpoint, LogsThatTakeNoMoreLinesCostOneWarningEach) {
  const std::string hash = undisturbed(1).hash;
  for (const char* verb : {"train", "run"}) {
    fs::create_directories(run_dir());
    fs::create_symlink("/dev/full", run_dir() / "metrics.jsonl");
    fs::create_symlink("/dev/full", run_dir() / "mlperf.log");
    const auto job = start_alone(verb, training({"--run.models=cnn", "--model.cnn.epochs=20"}));
    ASSERT_EQ(job->wait(), 0) << job->err();
    const std::string err = job->err();
    for (const char* file : {"metrics.jsonl", "mlperf.log"}) {
      const size_t first = err.find(file);
      ASSERT_NE(first, std::string::npos) << err;
      EXPECT_EQ(err.find(file, first + 1), std::string::npos) << err;
    }
    const json result = job->result();
    EXPECT_EQ((verb[0] == 'r' ? result.at("models").at(0) : result).at("weights_xxh3"), hash);
    fs::remove_all(run_dir());
  }
}

// In a mount namespace of its own, where /dev/shm has no room.
TEST_F(Checkpoint, AFullMemoryOfTheNodeCostsOneWarning) {
  const std::string hash = undisturbed(1).hash;
  for (const char* size : {"4k", "24k"}) {
    std::string line = "mount -t tmpfs -o size=" + std::string(size) + " none /dev/shm && exec";
    for (const std::string& word : words("train", training({"--ckpt.memory=3steps"}))) {
      line += " '" + word + "'";
    }
    Process job({"unshare", "--mount", "sh", "-c", line});
    const int status = job.wait();
    if (job.err().find("unshare") != std::string::npos) GTEST_SKIP() << job.err();
    ASSERT_EQ(status, 0) << job.err();
    const std::string err = job.err();
    const size_t first = err.find("No space left");
    ASSERT_NE(first, std::string::npos) << err;
    EXPECT_EQ(err.find("No space left", first + 1), std::string::npos) << err;
    EXPECT_EQ(job.result().at("weights_xxh3"), hash);
    fs::remove_all(run_dir());
  }
}

TEST_F(Checkpoint, ADiskThatBecomesReadOnlyLeavesTheOneBefore) {
  const std::string hash = undisturbed(1).hash;
  {
    const SmallDisk disk(run_dir() / "checkpoints", "16m");
    if (!disk.mounted()) GTEST_SKIP() << "only the superuser may mount a small disk";
    const auto job = start_alone("train", training({"--model.cnn.epochs=20"}));
    ASSERT_TRUE(job->wait_for_err("epoch  1/")) << job->err();
    if (!disk.make_read_only()) usleep(10'000);  // a save was under way
    if (!disk.make_read_only()) GTEST_SKIP() << "the small disk stays writable";
    EXPECT_EQ(job->wait(), 0) << job->err();
    EXPECT_EQ(job->result().at("weights_xxh3"), hash);
    EXPECT_FALSE(files(".json").empty());
    const auto next = start_alone("train", training());
    EXPECT_EQ(next->wait(), 74) << next->err();
    EXPECT_NE(next->last_words().find("read-only"), std::string::npos) << next->err();
  }
}

TEST_F(Checkpoint, WhatIsToBeKeptStaysWhenTheRunIsFinished) {
  const Words kept = training(
      {"--model.cnn.epochs=4", "--ckpt.every=1epochs", "--ckpt.keep=1", "--ckpt.keep_best"});
  const auto job = start_alone("train", kept);
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_FALSE(files(".json").empty());
  const auto again = start_alone("train", joined(kept, {"--memo=never"}));
  ASSERT_EQ(again->wait(), 0) << again->err();
  EXPECT_NE(again->err().find("goes on after epoch 4 of 4"), std::string::npos) << again->err();
  EXPECT_EQ(again->result().at("weights_xxh3"), job->result().at("weights_xxh3"));
}

}  // namespace
}  // namespace podium::test
