// `podium bench learn` and `--learn.profile` as users start them: every mode on the same work, with
// explorers of their own. How fast they are is not asserted.
#include <chrono>
#include <csignal>
#include <thread>

#include "app_fixture.hpp"
#include "core/clock.hpp"

namespace podium::test {
namespace {

void expect_all_modes(const nlohmann::json& rows, uint64_t updates_per_batch) {
  const uint64_t most[] = {0, updates_per_batch, 4 * updates_per_batch, 4 * updates_per_batch};
  const char* modes[] = {"synchronous", "one_step_off_policy", "fully_async", "multi_explorer"};
  for (size_t i = 0; i < rows.size(); ++i) {
    const nlohmann::json& row = rows[i];
    EXPECT_EQ(row["mode"], modes[i % 4]);
    EXPECT_GT(row["ours"].get<double>(), 0) << row;
    EXPECT_LE(row["staleness_max"].get<uint64_t>(), most[i % 4]) << row;
    EXPECT_GT(row["utilisation"].get<double>(), 0) << row;
    EXPECT_LE(row["utilisation"].get<double>() + row["bubble"].get<double>(), 1.0001) << row;
  }
}

class LearnModes : public AppTest {
 protected:
  std::string here() const { return "--run.dir=" + run_dir().string(); }
};

constexpr const char* input = PODIUM_INPUTS "/cartpole-ci.cfg";

TEST_F(LearnModes, BenchRunsEachWithBothKindsOfRollouts) {
  Process job({PODIUM_EXECUTABLE, "bench", "learn", "--bench.repetitions=1", "--learn.epochs=2",
               "--learn.updates=30", "--bench.trace=true", here()});
  ASSERT_EQ(job.wait(), 0) << job.err();
  const nlohmann::json rows = job.result()["rows"];
  ASSERT_EQ(rows.size(), 8u);
  expect_all_modes(rows, 2);
  EXPECT_EQ(rows[0]["rollouts"], "even");
  EXPECT_EQ(rows[4]["rollouts"], "long-tailed");
  EXPECT_TRUE(std::filesystem::exists(run_dir() / "modes.svg"));
}

TEST_F(LearnModes, ProfileComparesThemOnTheWorkOfAnInput) {
  Process job({PODIUM_EXECUTABLE, "learn", input, "--learn.profile=true", here()});
  ASSERT_EQ(job.wait(), 0) << job.err();
  const nlohmann::json rows = job.result()["rows"];
  ASSERT_EQ(rows.size(), 4u);
  expect_all_modes(rows, 4);
}

TEST_F(LearnModes, ASignalEndsTheComparison) {
  const std::vector<std::vector<std::string>> jobs = {{"learn", input, "--learn.profile=true"},
                                                      {"bench", "learn"}};
  for (std::vector<std::string> words : jobs) {
    words.insert(words.begin(), PODIUM_EXECUTABLE);
    words.insert(words.end(), {"--learn.updates=100000000", here()});
    Process job(words);
    const Deadline deadline(std::chrono::seconds(60));
    while (!std::filesystem::exists(run_dir() / "learn.json")) {
      ASSERT_FALSE(deadline.expired()) << job.err();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    job.signal(SIGTERM);
    EXPECT_EQ(job.wait(), 75) << job.err();
    EXPECT_NE(job.err().find("nothing is kept"), std::string::npos) << job.err();
  }
}

TEST_F(LearnModes, TooFewBatchesToCompareAreRefused) {
  Process job(
      {PODIUM_EXECUTABLE, "learn", input, "--learn.profile=true", "--learn.updates=8", here()});
  EXPECT_EQ(job.wait(), 2);
  EXPECT_NE(job.err().find("too few to compare modes"), std::string::npos) << job.err();
}

}  // namespace
}  // namespace podium::test
