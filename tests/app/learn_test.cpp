// `podium learn` as users meet it: all modes, explorers that are killed or hang, jobs that are
// stopped and go on, several ranks, and what is refused.
#include <csignal>
#include <fstream>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int rollout_steps = 4 * 16;  // of cartpole-ci.cfg: environments, steps
constexpr int batch_steps = 8 * 16;

class Learn : public AppTest {
 protected:
  Words learn_words(const std::string& input, const Words& more) const {
    Words words = {PODIUM_EXECUTABLE, "learn", std::string(PODIUM_INPUTS) + "/" + input,
                   "--run.dir=" + run_dir().string(),
                   "--io.cache_dir=" + (folder() / "cache").string()};
    append(words, more);
    return words;
  }
  std::unique_ptr<Process> learn(const std::string& input, const Words& more = {}) const {
    return std::make_unique<Process>(learn_words(input, more));
  }
  std::unique_ptr<Process> learn_on(int ranks, const std::string& input,
                                    const Words& more = {}) const {
    Words words = {PODIUM_MPIRUN, "-n", std::to_string(ranks)};
    append(words, learn_words(input, more));
    return std::make_unique<Process>(std::move(words));
  }
  // Learning that lasts until somebody ends it.
  static Words endless(const Words& more = {}) {
    return joined({"--learn.updates=0", "--learn.seconds=1000"}, more);
  }

  // The explorers of a job on one rank.
  static std::vector<pid_t> explorers(const Process& job) {
    std::vector<pid_t> found = children_of(job.pid());
    std::erase_if(found, [](pid_t pid) {
      std::ostringstream text;
      text << std::ifstream("/proc/" + std::to_string(pid) + "/cmdline").rdbuf();
      return text.str().find("__explorer") == std::string::npos;
    });
    return found;
  }

  size_t batches() const {
    size_t lines = 0;
    std::ifstream file(run_dir() / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      if (line.find(R"("event":"batch")") != std::string::npos) ++lines;
    }
    return lines;
  }
  bool wait_for_batches(Process& job, size_t more) const {
    const size_t wanted = batches() + more;
    return wait([&] { return batches() >= wanted || !job.running(); }) && job.running();
  }

  static bool wait(const std::function<bool()>& done) {
    const Deadline deadline(std::chrono::seconds(60));
    Backoff backoff(Backoff::Kind::idle);
    while (!done()) {
      if (deadline.expired()) return false;
      backoff.pause();
    }
    return true;
  }

  static size_t count(const std::string& text, const std::string& word) {
    size_t found = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
      ++found;
    }
    return found;
  }
};

TEST_F(Learn, EveryModeLearnsFromBothEnvironments) {
  for (const char* mode : {"synchronous", "one_step_off_policy", "fully_async", "multi_explorer"}) {
    fs::remove_all(run_dir());
    const auto pole = learn("cartpole-ci.cfg", {std::string("--learn.mode=") + mode});
    ASSERT_EQ(pole->wait(), 0) << pole->err();
    const json result = pole->result();
    EXPECT_EQ(result.at("mode"), mode);
    EXPECT_EQ(result.at("updates"), 80);
    EXPECT_EQ(result.at("trained_steps"), 20 * batch_steps);
    EXPECT_EQ(result.at("steps"), result.at("rollouts").get<int>() * rollout_steps);
    EXPECT_GT(result.at("mean_return"), 0);
    EXPECT_GT(result.at("utilisation"), 0);
    EXPECT_TRUE(fs::exists(result.at("model").get<std::string>()));
    EXPECT_FALSE(fs::exists(run_dir() / "learn.json"));
    EXPECT_FALSE(fs::exists(run_dir() / "checkpoints" / "learn"));
    EXPECT_EQ(pole->err().find("is gone"), std::string::npos) << pole->err();

    const auto bandit = learn("image_bandit-ci.cfg", {std::string("--learn.mode=") + mode});
    ASSERT_EQ(bandit->wait(), 0) << bandit->err();
    EXPECT_GT(bandit->result().at("val_accuracy"), 0.9) << "the shapes are easy";
  }
}

TEST_F(Learn, OnPolicyIsNeverStaleAndOneStepOffIsByOneBatch) {
  const auto on = learn("cartpole-ci.cfg");
  ASSERT_EQ(on->wait(), 0) << on->err();
  EXPECT_EQ(on->result().at("staleness_max"), 0);
  const auto off = learn("cartpole-ci.cfg", {"--learn.mode=one_step_off_policy"});
  ASSERT_EQ(off->wait(), 0) << off->err();
  EXPECT_EQ(off->result().at("staleness_max"), 4) << "updates of a batch";
  EXPECT_EQ(off->result().at("staleness").at("0"), 8) << "the first batch";
}

TEST_F(Learn, TheLearntClassifierIsSelectedLikeATrainedOne) {
  const auto job = learn("image_bandit-ci.cfg");
  ASSERT_EQ(job->wait(), 0) << job->err();
  Process select({PODIUM_EXECUTABLE, "select", "--run.dir=" + run_dir().string()});
  ASSERT_EQ(select.wait(), 0) << select.err();
  EXPECT_EQ(select.result().at("selected"), "image_bandit");
  EXPECT_EQ(select.result().at("val_accuracy"), job->result().at("val_accuracy"));
}

TEST_F(Learn, AnExplorerThatIsKilledOrHangsChangesNothingThatIsLearnt) {
  const Words words = {"--learn.mode=synchronous", "--learn.updates=12000", "--learn.silence=3s"};
  const auto quiet = learn("image_bandit-ci.cfg", words);
  ASSERT_EQ(quiet->wait(), 0) << quiet->err();
  fs::remove_all(run_dir());

  const auto job = learn("image_bandit-ci.cfg", words);
  ASSERT_TRUE(wait_for_batches(*job, 20)) << job->err();
  ASSERT_EQ(explorers(*job).size(), 2u);
  ::kill(explorers(*job).front(), SIGKILL);
  ASSERT_TRUE(job->wait_for_err("is gone: killed by signal 9")) << job->err();
  ASSERT_TRUE(wait([&] { return explorers(*job).size() == 2; }));
  ASSERT_TRUE(wait_for_batches(*job, 20)) << job->err();
  ::kill(explorers(*job).front(), SIGSTOP);  // the other one may still begin
  ASSERT_TRUE(job->wait_for_err("was silent for 3 s")) << job->err();
  ASSERT_EQ(job->wait(), 0) << job->err();
  const json result = job->result();
  EXPECT_EQ(result.at("explorers_came"), 4);
  EXPECT_EQ(result.at("explorers_lost"), 2);
  EXPECT_EQ(result.at("trained_steps"), quiet->result().at("trained_steps"));
  EXPECT_EQ(result.at("rollouts"), quiet->result().at("rollouts"));
  EXPECT_EQ(result.at("weights_xxh3"), quiet->result().at("weights_xxh3"));
}

TEST_F(Learn, AnExplorerThatDiesAgainAndAgainEndsTheJob) {
  const auto job = learn("cartpole-ci.cfg", endless({"--roles=explorer=1"}));
  for (size_t death = 1; death <= 5; ++death) {
    ASSERT_TRUE(wait([&] { return !explorers(*job).empty() || !job->running(); }));
    ASSERT_TRUE(job->running()) << job->err();
    ::kill(explorers(*job).front(), SIGKILL);
    ASSERT_TRUE(wait([&] { return count(job->err(), "is gone: ") >= death; })) << job->err();
  }
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->last_words().find("every explorer died again and again"), std::string::npos)
      << job->err();
}

TEST_F(Learn, AStoppedJobGoesOnWithTheSameBits) {
  const Words words = {"--learn.mode=synchronous", "--learn.updates=4000"};
  const auto whole = learn("image_bandit-ci.cfg", words);
  ASSERT_EQ(whole->wait(), 0) << whole->err();
  fs::remove_all(run_dir());

  const auto first = learn("image_bandit-ci.cfg", words);
  ASSERT_TRUE(wait_for_batches(*first, 50)) << first->err();
  first->signal(SIGTERM);
  ASSERT_EQ(first->wait(), 75) << first->err();
  EXPECT_LT(first->result().at("updates"), 4000);
  const auto second = learn("image_bandit-ci.cfg", words);
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_NE(second->err().find("learning goes on after"), std::string::npos) << second->err();
  EXPECT_EQ(second->result().at("updates"), 4000);
  EXPECT_EQ(second->result().at("trained_steps"), whole->result().at("trained_steps"));
  EXPECT_EQ(second->result().at("weights_xxh3"), whole->result().at("weights_xxh3"));
}

TEST_F(Learn, AKilledJobGoesOnFromItsCheckpointAndLeavesNoProcess) {
  const Words words = {"--learn.mode=fully_async", "--learn.updates=4000", "--ckpt.every=200steps"};
  const auto first = learn("cartpole-ci.cfg", words);
  const fs::path saved = run_dir() / "checkpoints" / "learn" / "current.json";
  ASSERT_TRUE(wait([&] { return fs::exists(saved) || !first->running(); })) << first->err();
  const std::vector<pid_t> left = explorers(*first);
  ASSERT_EQ(left.size(), 2u);
  first->signal(SIGKILL);
  ASSERT_EQ(first->wait(), 137);
  for (const pid_t pid : left) EXPECT_TRUE(wait([pid] { return name_of(pid).empty(); })) << pid;
  const auto second = learn("cartpole-ci.cfg", words);
  ASSERT_EQ(second->wait(), 0) << second->err();
  EXPECT_NE(second->err().find("learning goes on after"), std::string::npos) << second->err();
  EXPECT_EQ(second->result().at("updates"), 4000);
}

TEST_F(Learn, ACheckpointOfOtherSettingsIsSetAside) {
  const auto first = learn("cartpole-ci.cfg", endless());
  ASSERT_TRUE(wait_for_batches(*first, 5)) << first->err();
  first->signal(SIGTERM);
  ASSERT_EQ(first->wait(), 75) << first->err();
  const auto other = learn("cartpole-ci.cfg", {"--learn.lr=0.002"});
  ASSERT_EQ(other->wait(), 0) << other->err();
  EXPECT_NE(other->err().find("learning starts anew"), std::string::npos) << other->err();
  EXPECT_EQ(other->result().at("updates"), 80);
  EXPECT_TRUE(fs::exists(run_dir() / "checkpoints" / "learn.old-1" / "current.json"));
}

TEST_F(Learn, ADamagedCheckpointIsRefusedWithTheWayOn) {
  const auto first = learn("cartpole-ci.cfg", endless());
  ASSERT_TRUE(wait_for_batches(*first, 5)) << first->err();
  first->signal(SIGTERM);
  ASSERT_EQ(first->wait(), 75) << first->err();
  const fs::path saved = run_dir() / "checkpoints" / "learn";
  const auto refused = [&](int code) {
    const auto job = learn("cartpole-ci.cfg", endless());
    EXPECT_EQ(job->wait(), code) << job->err();
    EXPECT_NE(job->last_words().find("without the folder " + saved.string()), std::string::npos)
        << job->err();
    EXPECT_EQ(count(job->err(), "error: "), 1u) << job->err();
  };
  fs::rename(saved / "1" / "buffer.h5", saved / "aside");
  refused(74);
  fs::rename(saved / "aside", saved / "1" / "buffer.h5");
  fs::resize_file(saved / "1" / "learner.h5", fs::file_size(saved / "1" / "learner.h5") / 2);
  refused(65);
  fs::remove_all(saved);
  const auto anew = learn("cartpole-ci.cfg");
  EXPECT_EQ(anew->wait(), 0) << anew->err();
}

TEST_F(Learn, RanksShareTheBatchesAndKeepExplorersOfTheirOwn) {
  const auto two = learn_on(2, "image_bandit-ci.cfg", {"--roles=explorer=3"});
  ASSERT_EQ(two->wait(), 0) << two->err();
  EXPECT_EQ(two->result().at("trainers"), 2);
  EXPECT_EQ(two->result().at("explorers"), 3);
  EXPECT_GE(two->result().at("explorers_came"), 1) << "on a busy machine one may do it all";
  EXPECT_GT(two->result().at("val_accuracy"), 0.9);
  const auto three =
      learn_on(3, "cartpole-ci.cfg", {"--roles=explorer=2,train=1", "--learn.mode=fully_async"});
  ASSERT_EQ(three->wait(), 0) << three->err();
  EXPECT_EQ(three->result().at("trainers"), 1);
  EXPECT_EQ(three->result().at("trained_steps"), 20 * batch_steps);
}

TEST_F(Learn, AStopAtAnyRankStopsAll) {
  const auto job = learn_on(2, "cartpole-ci.cfg", endless());
  ASSERT_TRUE(wait_for_batches(*job, 5)) << job->err();
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 75) << job->err();
  EXPECT_NE(job->err().find("stopped early"), std::string::npos) << job->err();
}

TEST_F(Learn, AnotherJobExploresForThisOne) {
  const auto job = learn("cartpole-ci.cfg", endless({"--roles=explorer=1"}));
  ASSERT_TRUE(wait_for_batches(*job, 2)) << job->err();
  const std::string file = "--learn.join=" + (run_dir() / "learn.json").string();
  const Words join = {PODIUM_EXECUTABLE, "learn", std::string(PODIUM_INPUTS) + "/cartpole-ci.cfg",
                      "--run.dir=" + (folder() / "other").string(), file};
  Process guest(joined(join, {"--roles=explorer=2"}));
  ASSERT_TRUE(job->wait_for_err("explorer 2, of another job, has joined")) << job->err();
  ASSERT_TRUE(wait_for_batches(*job, 5)) << job->err();

  Process stranger(joined(join, {"--learn.steps=17"}));
  EXPECT_EQ(stranger.wait(), 69) << stranger.err();
  EXPECT_NE(stranger.last_words().find("it is to explore something else"), std::string::npos)
      << stranger.err();
  EXPECT_EQ(count(stranger.err(), "error: "), 1u) << stranger.err();
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 75) << job->err();
  EXPECT_EQ(guest.wait(), 0) << guest.err();
  EXPECT_EQ(guest.result().at("explorers"), 2);
}

TEST_F(Learn, LearningEndsWhenTheReturnIsReached) {
  const auto job = learn("cartpole-ci.cfg", {"--learn.updates=0", "--learn.until_return=15"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("ended_by"), "the return was reached");
  EXPECT_GE(job->result().at("explored_return"), 15);
}

TEST_F(Learn, DivergedLearningSaysOnlyThat) {
  const auto job =
      learn("cartpole-ci.cfg", {"--learn.lr=1000", "--learn.max_norm=0", "--learn.optimizer=sgd"});
  EXPECT_EQ(job->wait(), 2);
  EXPECT_NE(job->last_words().find("has diverged"), std::string::npos) << job->err();
  EXPECT_EQ(count(job->err(), "warning: "), 0u) << job->err();
  EXPECT_FALSE(std::filesystem::exists(run_dir() / "learn.json"));
}

TEST_F(Learn, LearningEndsInTimeWhereNothingIsEverTrainedOn) {
  const auto job =
      learn("cartpole-ci.cfg", {"--learn.filter=return > 1000000", "--learn.seconds=1"});
  ASSERT_TRUE(wait([&] { return !job->running(); }));
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("ended_by"), "its time is over");
  EXPECT_EQ(job->result().at("updates"), 0);
}

TEST_F(Learn, BadSettingsAreRefusedWithOneLine) {
  const auto refused = [&](const Words& words, const std::string& why) {
    const auto job = learn("cartpole-ci.cfg", words);
    EXPECT_EQ(job->wait(), 2) << why << job->err();
    EXPECT_NE(job->last_words().find(why), std::string::npos) << job->err();
    EXPECT_EQ(count(job->err(), "error: "), 1u) << job->err();
  };
  refused({"--roles=explorer=-1"}, "role 'explorer' needs a count");
  refused({"--roles=actor=1"}, "learning has no role 'actor'");
  refused({"--roles=buffer=2"}, "there is one buffer");
  refused({"--roles=train=2"}, "train=2 on 1 rank");
  refused({"--learn.mode=sometimes"}, "learn.mode");
  refused({"--learn.batch=6"}, "no whole number");
  refused({"--learn.capacity=4"}, "never holds a batch");
  refused({"--learn.updates=0"}, "would never end");
  refused({"--learn.environment=chess"}, "chess");
  refused({"--learn.policy=dense 3"}, "dense");
  refused({"--learn.policy=bn; dense classes"}, "bn");
  refused({"--learn.critic=none"}, "needs a critic");
  refused({"--learn.filter=reward>"}, "filter");
  refused({"--learn.mode=synchronous", "--learn.reuse=2"}, "reuse");
  refused({"--learn.mode=multi_explorer", "--roles=explorer=1"}, "take turns");
  refused({"--learn.listen=nowhere"}, "learn.listen");
  refused({"--learn.listen=127.0.0.1:99999"}, "learn.listen");
  refused({"--learn.silence=1s"}, "learn.silence");
  refused({"--learn.minibatches=1000"}, "do not make 1000 minibatches");
}

}  // namespace
}  // namespace podium::test
