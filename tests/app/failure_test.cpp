// Jobs that die: what each rank said last is in the run folder, and an event says who failed and
// why, whoever is left to write it.
#include <csignal>
#include <fstream>
#include <sstream>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Failure : public AppTest {
 protected:
  // Training that lasts longer than any test.
  static Words endless(const Words& more = {}) {
    return joined({"--run.models=dense", "--model.dense.epochs=100000", "--train.threads=1"}, more);
  }

  static std::vector<pid_t> named(const std::vector<pid_t>& processes, const std::string& name) {
    std::vector<pid_t> found;
    for (const pid_t pid : processes) {
      if (name_of(pid) == name) found.push_back(pid);
    }
    return found;
  }

  // mpirun under its script, and its ranks.
  static pid_t launcher_of(const Process& job) {
    const std::vector<pid_t> found = named(children_of(job.pid()), "mpirun");
    return found.empty() ? -1 : found.front();
  }
  static std::vector<pid_t> ranks_of(const Process& job) {
    return named(children_of(launcher_of(job)), "podium");
  }

  // Those of a job, each a child of the first rank.
  static std::vector<pid_t> witnesses_of(pid_t first_rank) {
    return named(children_of(first_rank), "podium-witness");
  }

  // "gone" also of those that nobody has buried yet.
  static bool is_gone(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string stat;
    if (!std::getline(file, stat)) return true;
    return stat.substr(stat.rfind(')') + 2).starts_with("Z");
  }

  static void expect_gone(const std::vector<pid_t>& processes) {
    const Deadline deadline(std::chrono::seconds(90));
    for (const pid_t pid : processes) {
      while (!is_gone(pid) && !deadline.expired()) usleep(20'000);
      EXPECT_TRUE(is_gone(pid)) << name_of(pid) << " is left behind";
    }
  }

  std::vector<json> events(const std::string& kind) const {
    std::vector<json> found;
    std::ifstream file(run_dir() / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      json event = json::parse(line);
      if (event.at("event") == kind) found.push_back(std::move(event));
    }
    return found;
  }

  std::string log_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(run_dir() / "log" / (name + ".log")).rdbuf();
    return text.str();
  }

  // Each of the ranks has said something of itself.
  void expect_words_of(int ranks) const {
    for (int rank = 0; rank < ranks; ++rank) {
      const std::string name = "rank-" + std::to_string(rank);
      const std::string text = log_of(name);
      EXPECT_NE(text.find(" started: "), std::string::npos) << name << ": " << text;
      EXPECT_NE(text.find("rank " + std::to_string(rank) + " of " + std::to_string(ranks)),
                std::string::npos)
          << text;
    }
  }

  // The event that says why, which comes last. Waits for the witnesses: there is nothing to come.
  json failure(const std::vector<pid_t>& witnesses) const {
    EXPECT_EQ(witnesses.size(), 1U);
    expect_gone(witnesses);
    const std::vector<json> failed = events("failed");
    EXPECT_EQ(failed.size(), 1U) << "one event of one failure";
    expect_report();
    return failed.empty() ? json::object() : failed.front();
  }

  // Where this executable makes reports.
  void expect_report() const {
    Process asked({PODIUM_EXECUTABLE, "report", "--help"});
    if (asked.wait() != 0) return;
    std::ostringstream page;
    page << std::ifstream(run_dir() / "report.html").rdbuf();
    EXPECT_NE(page.str().find("</html>"), std::string::npos) << "no report";
  }
};

TEST_F(Failure, OfAKilledRankIsToldByTheWitness) {
  const auto job = start(4, "run", endless());
  ASSERT_TRUE(job->wait_for_err("train dense")) << job->err();
  const std::vector<pid_t> ranks = ranks_of(*job);
  ASSERT_EQ(ranks.size(), 4U);
  const std::vector<pid_t> witnesses = witnesses_of(ranks.front());
  ::kill(ranks[2], SIGKILL);
  EXPECT_NE(job->wait(), 0);
  const json event = failure(witnesses);
  EXPECT_EQ(event.at("rank"), 2) << event;
  EXPECT_EQ(event.at("role"), "train");
  EXPECT_EQ(event.at("by"), "witness");
  EXPECT_EQ(event.at("job"), events("started").front().at("job"));
  EXPECT_GT(event.at("t_s"), 0);
  EXPECT_NE(event.at("text").get<std::string>().find("rank 2 went first"), std::string::npos);
  const json& words = event.at("last_words");
  ASSERT_EQ(words.size(), 4U) << words;
  EXPECT_NE(words.at("rank-1").get<std::string>().find("train dense"), std::string::npos) << words;
  expect_words_of(4);
  expect_gone(ranks);
}

TEST_F(Failure, OfTheLauncherIsToldByTheWitness) {
  const auto job = start(2, "run", endless());
  ASSERT_TRUE(job->wait_for_err("train dense")) << job->err();
  const std::vector<pid_t> ranks = ranks_of(*job);
  ASSERT_EQ(ranks.size(), 2U);
  const std::vector<pid_t> witnesses = witnesses_of(ranks.front());
  ::kill(launcher_of(*job), SIGKILL);
  EXPECT_NE(job->wait(), 0);
  expect_gone(ranks);
  const json event = failure(witnesses);
  EXPECT_TRUE(event.at("rank").is_null()) << event;
  EXPECT_EQ(event.at("role"), "launcher");
  expect_words_of(2);
}

TEST_F(Failure, OfTheOnlyProcessIsToldByTheWitness) {
  const auto job = start_alone("train", endless({"--train.model=dense"}));
  ASSERT_TRUE(job->wait_for_err("train dense")) << job->err();
  const std::vector<pid_t> witnesses = witnesses_of(job->pid());
  job->signal(SIGKILL);
  EXPECT_EQ(job->wait(), 128 + SIGKILL);
  const json event = failure(witnesses);
  EXPECT_EQ(event.at("rank"), 0) << event;
  EXPECT_EQ(event.at("role"), "train");
  expect_words_of(1);
}

TEST_F(Failure, ByASignalIsToldByTheRankThatItKills) {
  const auto job = start(4, "run", endless());
  ASSERT_TRUE(job->wait_for_err("train dense")) << job->err();
  const std::vector<pid_t> ranks = ranks_of(*job);
  ASSERT_EQ(ranks.size(), 4U);
  const std::vector<pid_t> witnesses = witnesses_of(ranks.front());
  ::kill(ranks[1], SIGSEGV);
  EXPECT_NE(job->wait(), 0);
  const json event = failure(witnesses);
  EXPECT_EQ(event.at("rank"), 1) << event;
  EXPECT_EQ(event.at("signal"), SIGSEGV);
  EXPECT_EQ(event.at("role"), "train");
  EXPECT_NE(event.at("text").get<std::string>().find("s after it said: "), std::string::npos);
  EXPECT_NE(log_of("rank-1").find("podium: error: rank 1: killed by SIGSEGV"), std::string::npos);
  EXPECT_NE(job->err().find("podium: error: rank 1: killed by SIGSEGV"), std::string::npos);
  expect_words_of(4);
}

// The ckpt rank, 3 of 4, finds its registry gone.
TEST_F(Failure, ByAnErrorIsToldByTheRankThatMeetsIt) {
  const auto job = start(4, "run",
                         {"--run.models=dense", "--model.dense.epochs=20", "--train.threads=1",
                          "--roles=ingest=1,train=2,ckpt=1,serve=1"});
  const Deadline deadline(std::chrono::seconds(60));
  while (events("epoch").empty() && !deadline.expired()) usleep(1'000);
  const std::vector<pid_t> ranks = ranks_of(*job);
  ASSERT_EQ(ranks.size(), 4U) << job->err();
  const std::vector<pid_t> witnesses = witnesses_of(ranks.front());
  fs::rename(run_dir() / "registry", run_dir() / "away");
  std::ofstream(run_dir() / "registry") << "a file\n";
  EXPECT_EQ(job->wait(), 74) << job->err();
  const json event = failure(witnesses);
  EXPECT_EQ(event.at("rank"), 3) << event;
  EXPECT_EQ(event.at("role"), "ckpt");
  EXPECT_EQ(event.at("exit_code"), 74);
  const auto text = event.at("text").get<std::string>();
  EXPECT_NE(job->last_words().find(text), std::string::npos) << "what standard error says";
  EXPECT_NE(log_of("rank-3").find("error: " + text), std::string::npos) << log_of("rank-3");
  expect_words_of(4);
}

TEST_F(Failure, OfAReplicaIsNone) {
  const auto job =
      start_alone("run", {"--run.models=dense", "--serve.linger=forever", "--serve.replicas=1"});
  ASSERT_TRUE(job->wait_for_err("serving on ")) << job->err();
  const std::vector<pid_t> witnesses = witnesses_of(job->pid());
  ASSERT_EQ(witnesses.size(), 1U);
  const std::vector<pid_t> replicas = named(children_of(job->pid()), "podium");
  ASSERT_EQ(replicas.size(), 1U);
  ::kill(replicas.front(), SIGSEGV);
  const Deadline deadline(std::chrono::seconds(60));
  std::vector<pid_t> fresh;
  while ((fresh.empty() || fresh.front() == replicas.front()) && !deadline.expired()) {
    usleep(20'000);
    fresh = named(children_of(job->pid()), "podium");
  }
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_TRUE(events("failed").empty());
  EXPECT_EQ(events("ended").size(), 1U);
  std::string words;
  for (const auto& entry : fs::directory_iterator(run_dir() / "log")) {
    const std::string name = entry.path().stem().string();
    if (name.starts_with("replica")) words += log_of(name);
  }
  EXPECT_NE(words.find("killed by SIGSEGV"), std::string::npos) << words;
  EXPECT_NE(words.find(" answers with version 1"), std::string::npos) << words;
  expect_gone(witnesses);
}

TEST_F(Failure, IsNoneWhenAJobEnds) {
  const auto job = start(2, "train", {"--train.model=dense"});
  std::vector<pid_t> witnesses;
  while (witnesses.empty() && job->running()) {
    const std::vector<pid_t> ranks = ranks_of(*job);
    if (!ranks.empty()) witnesses = witnesses_of(ranks.front());
  }
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(witnesses.size(), 1U);
  for (const pid_t pid : witnesses) EXPECT_TRUE(is_gone(pid)) << "it goes with its rank";
  EXPECT_TRUE(events("failed").empty());
  expect_words_of(2);
  EXPECT_NE(log_of("rank-1").find(" ended\n"), std::string::npos);
  expect_report();
}

// Another job has begun in the folder before the witness of a dead one speaks.
TEST_F(Failure, IsNotToldInTheFolderOfANewerJob) {
  const auto job = start_alone("train", endless({"--train.model=dense"}));
  ASSERT_TRUE(job->wait_for_err("train dense")) << job->err();
  const std::vector<pid_t> witnesses = witnesses_of(job->pid());
  ASSERT_EQ(witnesses.size(), 1U);
  std::ofstream(run_dir() / "log" / "job") << "another\n";
  job->signal(SIGKILL);
  job->wait();
  expect_gone(witnesses);
  EXPECT_TRUE(events("failed").empty());
}

TEST_F(Failure, ToKeepALogCostsOneWarning) {
  fs::create_directories(run_dir());
  std::ofstream(run_dir() / "log") << "a file in place of the folder\n";
  const auto job = start_alone("train", {"--train.model=dense"});
  EXPECT_EQ(job->wait(), 0) << job->err();
  const std::string said = job->err();
  const size_t warning = said.find("nothing more is kept of what this process says");
  ASSERT_NE(warning, std::string::npos) << said;
  EXPECT_EQ(said.find("nothing more is kept", warning + 1), std::string::npos) << said;
}

}  // namespace
}  // namespace podium::test
