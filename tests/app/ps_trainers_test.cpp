// Trainers that are worker processes of their rank (`--ps.trainers`), as users start them, and as
// they die.
#include <csignal>
#include <fstream>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class PsTrainers : public AppTest {
 protected:
  static Words by_trainers(const Words& more = {}) {
    Words words = {"--train.sync=ps", "--train.model=cnn", "--train.threads=1", "--ps.trainers=2"};
    append(words, more);
    return words;
  }

  // The processes of a job whose command begins with `word`.
  static std::vector<pid_t> workers_of(const Process& job, const std::string& word) {
    std::vector<pid_t> workers;
    std::vector<pid_t> next = {job.pid()};
    while (!next.empty()) {
      const pid_t pid = next.back();
      next.pop_back();
      for (const pid_t child : children_of(pid)) next.push_back(child);
      std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
      std::string line;
      std::getline(file, line);
      if (line.find(word) != std::string::npos) workers.push_back(pid);
    }
    return workers;
  }

  // Kills one of the job's workers after the other, as long as it runs, but at most `times`.
  static void kill_now_and_then(Process& job, const std::string& word, size_t times) {
    for (size_t kill = 0; kill < times && job.running();) {
      usleep(300'000);
      const std::vector<pid_t> workers = workers_of(job, word);
      if (!workers.empty()) ::kill(workers[kill++ % workers.size()], SIGKILL);
    }
  }

  // Images of `epochs` epochs, as the run's metrics count them.
  void expect_whole(int epochs) const {
    std::ifstream file(run_dir() / "metrics.jsonl");
    json last;
    for (std::string line; std::getline(file, line);) {
      const json event = json::parse(line);
      if (event.value("event", "") == "epoch") last = event;
    }
    EXPECT_EQ(last.at("epochs"), epochs);
    EXPECT_EQ(last.at("images"), epochs * last.at("records").get<int64_t>());
  }
};

TEST_F(PsTrainers, TrainAsWellAsRanksDo) {
  const auto job = start(1, "train", by_trainers());
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_GT(result.at("val_accuracy"), 0.9);
  EXPECT_EQ(result.at("ps").at("crew").at("trainers"), 2);
  EXPECT_EQ(result.at("ps").at("crew").at("deaths"), 0);
  EXPECT_EQ(result.at("ps").at("crew").at("images_repeated"), 0);
  expect_whole(2);
}

TEST_F(PsTrainers, AJobOutlivesThemAndSeesEveryImage) {
  for (const char* consistency : {"bsp", "asp"}) {
    std::filesystem::remove_all(run_dir());
    const auto job =
        start(1, "train",
              by_trainers({"--model.cnn.epochs=30", "--ps.servers=3", "--ps.replicas=1",
                           std::string("--ps.consistency=") + consistency}));
    ASSERT_TRUE(job->wait_for_err("epoch  2/30")) << job->err();
    kill_now_and_then(*job, "__trainer", 3);
    kill_now_and_then(*job, "__ps_server", 1);
    ASSERT_EQ(job->wait(), 0) << job->err();
    const json crew = job->result().at("ps").at("crew");
    EXPECT_GT(crew.at("deaths"), 0);
    EXPECT_GT(crew.at("restarts"), 0);
    EXPECT_LE(crew.at("images_repeated"), 64 * crew.at("deaths").get<int>());
    EXPECT_GT(job->result().at("val_accuracy"), 0.9);
    expect_whole(30);
  }
}

TEST_F(PsTrainers, WithoutAnyLeftTheJobEndsAndGoesOnLater) {
  const Words how = by_trainers({"--model.cnn.epochs=40"});
  const auto job = start(1, "train", how);
  ASSERT_TRUE(job->wait_for_err("epoch  2/40")) << job->err();
  for (int i = 0; i < 1000 && job->running(); ++i) {
    usleep(20'000);
    for (const pid_t trainer : workers_of(*job, "__trainer")) ::kill(trainer, SIGKILL);
  }
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->last_words().find("no trainer is left"), std::string::npos) << job->last_words();
  const auto rest = start(1, "train", how);
  ASSERT_EQ(rest->wait(), 0) << rest->err();
  EXPECT_NE(rest->err().find("goes on"), std::string::npos) << rest->err();
  expect_whole(40);
}

TEST_F(PsTrainers, AServerWithoutABackupEndsTheJobByName) {
  const auto job = start(1, "train", by_trainers({"--model.cnn.epochs=4000"}));
  ASSERT_TRUE(job->wait_for_err("epoch  2/")) << job->err();
  const std::vector<pid_t> servers = workers_of(*job, "__ps_server");
  ASSERT_EQ(servers.size(), 2U);
  ::kill(servers.back(), SIGKILL);
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->last_words().find("has no backup"), std::string::npos) << job->last_words();
}

TEST_F(PsTrainers, AStopIsHeardAndTheRunGoesOn) {
  const Words how = by_trainers({"--model.cnn.epochs=40", "--ps.consistency=asp"});
  const auto stopped = start(2, "train", how);
  ASSERT_TRUE(stopped->wait_for_err("epoch  2/40")) << stopped->err();
  stopped->signal(SIGTERM);
  ASSERT_EQ(stopped->wait(), 75) << stopped->err();
  const auto rest = start(2, "train", how);
  ASSERT_EQ(rest->wait(), 0) << rest->err();
  EXPECT_EQ(rest->result().at("ps").at("crew").at("trainers"), 4);
  expect_whole(40);
}

TEST_F(PsTrainers, NoneOutlivesItsJob) {
  const auto job = start(1, "train", by_trainers({"--model.cnn.epochs=4000"}));
  ASSERT_TRUE(job->wait_for_err("epoch  2/")) << job->err();
  const std::vector<pid_t> trainers = workers_of(*job, "__trainer");
  ASSERT_EQ(trainers.size(), 2U);
  ::kill(job->pid(), SIGKILL);
  for (const pid_t trainer : trainers) {
    const Deadline deadline(std::chrono::seconds(20));
    while (!name_of(trainer).empty() && !deadline.expired()) usleep(10'000);
    EXPECT_EQ(name_of(trainer), "") << "a trainer without its job";
  }
}

TEST_F(PsTrainers, RunTrainsItsModelsByThem) {
  const auto job =
      start(3, "run", {"--train.sync=ps", "--ps.trainers=2", "--run.models=dense,cnn"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  for (const json& model : job->result().at("models")) {
    EXPECT_GE(model.at("ps").at("crew").at("trainers"), 2) << model;
    EXPECT_GT(model.at("test_accuracy"), 0.8) << model;
  }
}

TEST_F(PsTrainers, BadInputIsOneLine) {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--ps.trainers=-1"}, "ps.trainers"},
      {{"--ps.trainers=65"}, "ps.trainers"},
      {{"--ps.transport=mpi"}, "do not reach servers that are ranks"},
      {{"--model.cnn.ema=0.9"}, "--model.cnn.ema"}};
  for (const auto& [more, says] : cases) {
    const auto job = start_alone("train", by_trainers(more));
    EXPECT_EQ(job->wait(), 2) << says;
    EXPECT_NE(job->last_words().find(says), std::string::npos) << job->last_words();
  }
}

}  // namespace
}  // namespace podium::test
