// Searches as users meet them: real workers that are killed, networks that cannot be trained, disks
// that are full, and jobs that are stopped and go on.
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* controller = "__search_controller";
constexpr const char* child = "__search_child";
constexpr const char* server = "__ps_server";

// What a process was started with.
std::string command_of(pid_t pid) {
  std::ostringstream text;
  text << std::ifstream("/proc/" + std::to_string(pid) + "/cmdline").rdbuf();
  return text.str();
}

class Search : public AppTest {
 protected:
  Words search_words(const Words& more) const {
    Words words = {PODIUM_EXECUTABLE, "search", PODIUM_SEARCH_INPUT,
                   "--run.dir=" + run_dir().string(),
                   "--io.cache_dir=" + (folder() / "cache").string()};
    append(words, more);
    return words;
  }
  std::unique_ptr<Process> search(const Words& more = {}) const {
    return std::make_unique<Process>(search_words(more));
  }
  std::unique_ptr<Process> search_on(int ranks, const Words& more = {}) const {
    Words words = {PODIUM_MPIRUN, "-n", std::to_string(ranks)};
    append(words, search_words(more));
    return std::make_unique<Process>(std::move(words));
  }

  // One controller that draws at random: equal seeds find equal networks, whoever dies meanwhile.
  static Words repeatable(const Words& more = {}) {
    Words words = {"--search.method=random", "--roles=ps=1,controller=1,child=2"};
    append(words, more);
    return words;
  }

  // The workers of a search on one rank, of one kind.
  static std::vector<pid_t> workers(const Process& job, const char* kind) {
    std::vector<pid_t> found = children_of(job.pid());
    std::erase_if(found,
                  [&](pid_t pid) { return command_of(pid).find(kind) == std::string::npos; });
    return found;
  }

  // Of one kind; waits until there is one.
  static bool kill_one(Process& job, const char* kind) {
    const Deadline deadline(std::chrono::seconds(30));
    while (job.running() && !deadline.expired()) {
      const std::vector<pid_t> found = workers(job, kind);
      if (!found.empty()) return ::kill(found.front(), SIGKILL) == 0;
      Backoff(Backoff::Kind::idle).pause();
    }
    return false;
  }

  // Waits until `count` workers in all have died.
  static bool wait_for_deaths(Process& job, size_t count) {
    const Deadline deadline(std::chrono::seconds(30));
    while (!deadline.expired()) {
      const std::string err = job.err();
      size_t seen = 0;
      for (size_t at = err.find("is gone: "); at != std::string::npos;
           at = err.find("is gone: ", at + 1)) {
        ++seen;
      }
      if (seen >= count) return true;
      Backoff(Backoff::Kind::idle).pause();
    }
    return false;
  }

  std::vector<json> samples() const {
    std::vector<json> found;
    std::ifstream file(run_dir() / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      json event = json::parse(line);
      if (event.at("event") == "sample") found.push_back(std::move(event));
    }
    return found;
  }

  // What a search that nobody disturbs finds: (network, reward), sorted.
  std::vector<std::pair<std::string, double>> rewards() const {
    std::vector<std::pair<std::string, double>> found;
    for (const json& sample : samples()) {
      found.emplace_back(sample.at("architecture"), sample.at("reward"));
    }
    std::ranges::sort(found);
    return found;
  }
};

TEST_F(Search, TheWinnerIsAnInputFileThatTrains) {
  const auto job = search();
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_EQ(result.at("verb"), "search");
  EXPECT_EQ(result.at("method"), "reinforce");
  EXPECT_EQ(result.at("samples"), 12);
  EXPECT_GT(result.at("best_reward"), 0.4) << "the shapes are easy";
  EXPECT_GT(result.at("tail_mean_reward"), 0);
  EXPECT_GT(result.at("child_busy_share"), 0);
  EXPECT_EQ(result.at("children"), 4);

  const std::vector<json> seen = samples();
  ASSERT_EQ(seen.size(), 12u);
  double best = 0;
  for (const json& sample : seen) best = std::max(best, sample.at("reward").get<double>());
  EXPECT_EQ(result.at("best_reward"), best);

  const auto winner = std::make_unique<Process>(
      Words{PODIUM_EXECUTABLE, "train", (run_dir() / "winner.cfg").string(),
            "--run.dir=" + (folder() / "winner").string()});
  ASSERT_EQ(winner->wait(), 0) << winner->err();
  EXPECT_EQ(winner->result().at("model"), "winner");
  EXPECT_EQ(winner->result().at("parameters"), result.at("best_parameters"));
  EXPECT_EQ(winner->result().at("epochs"), 2) << "the recipe of the input file, not of a child";

  const auto whole = std::make_unique<Process>(
      Words{PODIUM_EXECUTABLE, "run", (run_dir() / "winner.cfg").string(), "--serve.port=0",
            "--run.dir=" + (folder() / "whole").string()});
  ASSERT_EQ(whole->wait(), 0) << whole->err();
  const json models = whole->result().at("models");
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].at("name"), "winner");
  EXPECT_EQ(models[0].at("parameters"), result.at("best_parameters"));
  EXPECT_EQ(whole->result().at("selected"), "winner");
}

TEST_F(Search, AllMethodsSearchOnSeveralRanks) {
  for (const char* method : {"reinforce", "random", "evolution"}) {
    const auto job = search_on(2, {std::string("--search.method=") + method});
    ASSERT_EQ(job->wait(), 0) << job->err();
    EXPECT_EQ(job->result().at("method"), method);
    EXPECT_EQ(job->result().at("samples"), 12);
    EXPECT_EQ(job->result().at("child_deaths"), 0) << job->err();
  }
}

TEST_F(Search, EqualNetworksAreTrainedOnceAlsoInALaterSearch) {
  ASSERT_EQ(search(repeatable())->wait(), 0);
  const auto first = rewards();
  fs::remove(run_dir() / "metrics.jsonl");
  fs::remove_all(run_dir() / "memo");  // by which the whole search would be reused
  const auto again = search(repeatable());
  ASSERT_EQ(again->wait(), 0) << again->err();
  EXPECT_EQ(again->result().at("trained"), 0);
  EXPECT_EQ(again->result().at("samples"), 12);
  EXPECT_EQ(rewards(), first);
  const auto other = search(repeatable({"--train.seed=2"}));
  ASSERT_EQ(other->wait(), 0) << other->err();
  EXPECT_GT(other->result().at("trained"), 0) << "another seed is another result";
}

TEST_F(Search, AChildOrAControllerThatDiesChangesNothing) {
  const Words words = repeatable({"--search.samples=20", "--search.epochs=6"});
  ASSERT_EQ(search(words)->wait(), 0);
  const auto undisturbed = rewards();
  fs::remove_all(run_dir());

  const auto job = search(words);
  ASSERT_TRUE(job->wait_for_err("sample 2/")) << job->err();
  ASSERT_TRUE(kill_one(*job, child));
  ASSERT_TRUE(job->wait_for_err("is gone: killed by signal 9")) << job->err();
  ASSERT_TRUE(kill_one(*job, controller));
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("child_deaths"), 1);
  EXPECT_EQ(job->result().at("controller_deaths"), 1);
  EXPECT_EQ(rewards(), undisturbed);
}

TEST_F(Search, AServerThatDiesIsReplaced) {
  const auto job = search({"--search.samples=40", "--search.epochs=6"});
  ASSERT_TRUE(job->wait_for_err("sample 2/")) << job->err();
  ASSERT_TRUE(kill_one(*job, server));
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("samples"), 40);
  EXPECT_EQ(job->result().at("server_restarts"), 1) << job->err();
  EXPECT_EQ(job->result().at("controller_deaths"), 0) << job->err();
}

TEST_F(Search, AChildThatDiesAgainAndAgainIsLeftDown) {
  const auto job =
      search({"--search.samples=1000", "--search.epochs=50", "--roles=ps=1,controller=1,child=1"});
  // Those that have begun a network do not count.
  const Deadline deadline(std::chrono::seconds(60));
  for (size_t death = 1; job->running() && !deadline.expired(); ++death) {
    if (kill_one(*job, child)) wait_for_deaths(*job, death);
  }
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->err().find("left down"), std::string::npos) << job->err();
  EXPECT_NE(job->last_words().find("every child died"), std::string::npos) << job->err();
}

TEST_F(Search, AChildThatHangsIsKilledAndItsNetworkGoesToAnother) {
  const auto job = search(repeatable({"--search.epochs=20", "--search.silence=3s"}));
  ASSERT_TRUE(job->wait_for_err("sample 1/")) << job->err();
  const std::vector<pid_t> children = workers(*job, child);
  ASSERT_FALSE(children.empty());
  ::kill(children.front(), SIGSTOP);
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_NE(job->err().find("was silent for 3 s"), std::string::npos) << job->err();
  EXPECT_EQ(job->result().at("child_deaths"), 1);
  EXPECT_EQ(job->result().at("zero_rewards"), 0);
}

TEST_F(Search, NetworksThatCannotBeTrainedGetNothingAndAReason) {
  const auto diverging = search({"--train.lr=1000"});
  ASSERT_EQ(diverging->wait(), 0) << diverging->err();
  EXPECT_EQ(diverging->result().at("best_architecture"), "");
  EXPECT_EQ(diverging->result().at("zero_rewards"), 12);
  for (const json& sample : samples()) {
    EXPECT_NE(sample.at("reason").get<std::string>().find("learning rate"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(run_dir() / "winner.cfg"));
}

TEST_F(Search, NetworksThatNeedTooMuchMemoryGetNothingAndAReason) {
  const auto job = search({"--search.space={dense 8|dense 60000; dense 3000}; dense classes",
                           "--search.method=random", "--search.child_memory=256MiB"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_GT(job->result().at("zero_rewards"), 0);
  EXPECT_LT(job->result().at("zero_rewards"), 12);
  for (const json& sample : samples()) {
    if (sample.at("reward") > 0) continue;
    EXPECT_NE(sample.at("reason").get<std::string>().find("memory"), std::string::npos) << sample;
  }
}

TEST_F(Search, NetworksAboveTheLimitOfFlopsAreNotTrained) {
  const auto job = search({"--search.max_mflops=0.03"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  size_t refused = 0;
  for (const json& sample : samples()) {
    const bool above = sample.at("flops_per_image") > 30000;
    refused += above ? 1 : 0;
    EXPECT_EQ(sample.at("epochs") == 0, above) << sample;
    EXPECT_EQ(sample.at("reward") == 0, above) << sample;
    EXPECT_FALSE(above && sample.at("reused").get<bool>()) << sample;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_NE(job->err().find("are above --search.max_mflops"), std::string::npos) << job->err();
}

TEST_F(Search, BadInputIsRefusedBeforeAnythingIsTrained) {
  const auto refused = [&](const Words& words, const std::string& why) {
    const auto job = search(words);
    EXPECT_EQ(job->wait(), 2) << job->err();
    EXPECT_NE(job->last_words().find(why), std::string::npos) << job->err();
  };
  refused({"--search.space=conv {8|16 3; dense classes"}, "offset");
  refused({"--search.space=conv 8 3; dense classes"}, "nothing to choose");
  refused({"--search.space={cnv 8 3|bn}; dense classes"}, "cnv");
  refused({"--search.space={pool 13|pool 2}; dense classes"}, "window 13");
  refused({"--roles=ps=0,controller=2,child=4"}, "'ps'");
  refused({"--roles=ps=2,controller=2,child=5"}, "cannot be shared");
  refused({"--roles=ps=2,controller=1,child=1000"}, "ask for at most");
  refused({"--roles=train=2"}, "no role 'train'");
  refused({"--search.samples=3"}, "3 samples");
  refused({"--search.silence=0s"}, "--search.silence");
  refused({"--search.method=evolution", "--search.population=3", "--search.tournament=4"},
          "search.tournament");
  refused({"--search.samples=0"}, "would never end");
  refused({"--search.train_records=2"}, "--search.train_records");
  refused({"--search.child_threads=1000"}, "--search.child_threads");
}

TEST_F(Search, AStopSavesAndTheSameCommandGoesOn) {
  const Words words = repeatable({"--search.samples=20", "--search.epochs=6"});
  ASSERT_EQ(search(words)->wait(), 0);
  const auto undisturbed = rewards();
  fs::remove_all(run_dir());

  const auto stopped = search(words);
  ASSERT_TRUE(stopped->wait_for_err("sample 4/")) << stopped->err();
  stopped->signal(SIGTERM);
  ASSERT_EQ(stopped->wait(), 75) << stopped->err();
  const size_t before = samples().size();
  EXPECT_GE(before, 4u);
  ASSERT_LT(before, 20u) << "it ended before it was stopped";
  EXPECT_EQ(stopped->result().at("samples"), before);

  const auto resumed = search(words);
  ASSERT_EQ(resumed->wait(), 0) << resumed->err();
  EXPECT_NE(resumed->err().find("goes on after"), std::string::npos) << resumed->err();
  EXPECT_EQ(resumed->result().at("samples"), 20);
  EXPECT_EQ(rewards(), undisturbed);
}

TEST_F(Search, AWinnerThatCannotBeWrittenCostsNoSearch) {
  const Words words = repeatable({"--search.samples=20", "--search.epochs=6"});
  const auto stopped = search(words);
  ASSERT_TRUE(stopped->wait_for_err("sample 4/")) << stopped->err();
  stopped->signal(SIGTERM);
  ASSERT_EQ(stopped->wait(), 75) << stopped->err();

  const fs::path winner = run_dir() / "winner.cfg";
  fs::remove(winner);
  fs::create_directories(winner / "in the way");
  const auto unheard = search(words);
  EXPECT_EQ(unheard->wait(), 74) << unheard->err();
  ASSERT_TRUE(fs::exists(run_dir() / "search" / "search.h5"));

  fs::remove_all(winner);
  const auto resumed = search(words);
  ASSERT_EQ(resumed->wait(), 0) << resumed->err();
  EXPECT_NE(resumed->err().find("goes on after"), std::string::npos) << resumed->err();
  EXPECT_EQ(resumed->result().at("samples"), 20);
  EXPECT_TRUE(fs::is_regular_file(winner));
  EXPECT_FALSE(fs::exists(run_dir() / "search" / "search.h5")) << "a new search starts anew";
}

TEST_F(Search, AStopThatCannotBeSavedAsTheServersAreGoneEndsWith74) {
  const auto job = search({"--search.samples=100000"});
  ASSERT_TRUE(job->wait_for_err("sample 4")) << job->err();
  const std::vector<pid_t> servers = workers(*job, server);
  ASSERT_FALSE(servers.empty());
  for (const pid_t each : servers) ::kill(each, SIGKILL);
  job->signal(SIGTERM);
  const int code = job->wait();
  const bool again = job->err().find("new ones begin with") != std::string::npos;  // in time
  EXPECT_EQ(code, again ? 75 : 74) << job->err();
  EXPECT_EQ(job->last_words().find("cannot be saved") == std::string::npos, again) << job->err();
}

TEST_F(Search, OtherRanksPassAStopOn) {
  const auto job = search_on(2, {"--search.samples=100000"});
  ASSERT_TRUE(job->wait_for_err("sample ")) << job->err();
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 75) << job->err();
}

// As schedulers do at the end of a job.
TEST_F(Search, ASignalToAllOfItsProcessesSavesItToo) {
  const auto job = search({"--search.samples=1000", "--search.epochs=6"});
  ASSERT_TRUE(job->wait_for_err("sample 2/")) << job->err();
  for (const pid_t pid : children_of(job->pid())) ::kill(pid, SIGTERM);
  job->signal(SIGTERM);
  ASSERT_EQ(job->wait(), 75) << job->err();
  EXPECT_EQ(job->result().at("child_deaths"), 0) << job->err();
  EXPECT_EQ(job->result().at("controller_deaths"), 0) << job->err();
  EXPECT_TRUE(fs::exists(run_dir() / "search" / "search.h5"));
}

TEST_F(Search, NoWorkerOutlivesItsJob) {
  const auto job = search({"--search.samples=1000", "--search.epochs=1000"});
  const Deadline up(std::chrono::seconds(30));
  std::vector<pid_t> left;
  while (left.size() < 4 && !up.expired()) left = workers(*job, child);
  ASSERT_EQ(left.size(), 4u) << job->err();
  for (const pid_t pid : workers(*job, controller)) left.push_back(pid);
  job->signal(SIGKILL);
  const Deadline gone(std::chrono::seconds(20));
  while (!left.empty() && !gone.expired()) {
    std::erase_if(left,
                  [](pid_t pid) { return command_of(pid).find("__search") == std::string::npos; });
  }
  EXPECT_TRUE(left.empty());
}

TEST_F(Search, AFullDiskCostsNoSearchThatFinishesAndAStopEndsWith74) {
  fs::create_directories(run_dir() / "search");
  fs::create_symlink("/dev/full", run_dir() / "metrics.jsonl");
  fs::create_symlink("/dev/full", run_dir() / "search" / "memo.jsonl");
  const auto whole = search();
  ASSERT_EQ(whole->wait(), 0) << whole->err();
  EXPECT_EQ(whole->result().at("samples"), 12);
  EXPECT_NE(whole->err().find("memo.jsonl"), std::string::npos) << whole->err();

  // The checkpoint has no room.
  const std::string options = "size=4k";
  if (::mount("podium-test", (run_dir() / "search").c_str(), "tmpfs", 0, options.c_str()) != 0) {
    GTEST_SKIP() << "only the superuser may mount a small disk";
  }
  const auto stopped = search({"--search.samples=100000", "--search.epochs=6"});
  EXPECT_TRUE(stopped->wait_for_err("sample 1/")) << stopped->err();
  stopped->signal(SIGTERM);
  EXPECT_EQ(stopped->wait(), 74) << stopped->err();
  EXPECT_NE(stopped->last_words().find("No space left"), std::string::npos) << stopped->err();
  ::umount2((run_dir() / "search").c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace podium::test
