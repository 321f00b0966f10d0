// What stands in trace.json of a service, of learning and of a search: spans of the ranks and of
// the worker processes that they start, by their names.
#include <map>
#include <set>

#include "input_job.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class Spans : public InputJobTest {
 protected:
  // The names of spans by "PROCESS/LANE".
  std::map<std::string, std::set<std::string>> spans() const {
    std::ifstream file(run_dir() / "trace.json");
    const json document = json::parse(file);
    std::map<int, std::string> processes;
    std::map<std::pair<int, int>, std::string> lanes;
    for (const json& event : document.at("traceEvents")) {
      if (event.at("ph") != "M") continue;
      const int process = event.at("pid");
      if (event.at("name") == "process_name") processes[process] = event.at("args").at("name");
      if (event.at("name") == "thread_name") {
        lanes[{process, event.at("tid").get<int>()}] = event.at("args").at("name");
      }
    }
    std::map<std::string, std::set<std::string>> found;
    for (const json& event : document.at("traceEvents")) {
      if (event.at("ph") != "X") continue;
      const int process = event.at("pid");
      found[processes[process] + "/" + lanes[{process, event.at("tid").get<int>()}]].insert(
          event.at("name"));
    }
    return found;
  }

  // Those of lanes of one name, of processes whose names begin so.
  std::set<std::string> of(const std::string& process, const std::string& lane) const {
    std::set<std::string> names;
    for (const auto& [place, found] : spans()) {
      if (place.starts_with(process) && place.ends_with("/" + lane)) {
        names.insert(found.begin(), found.end());
      }
    }
    return names;
  }
};

using Names = std::set<std::string>;

TEST_F(Spans, OfTheServiceOfARun) {
  const auto job = start(2, "run", {"--run.models=dense", "--roles=serve=1"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(of("rank ", "requests 1"), Names{"request"});
  EXPECT_TRUE(of("replica-0 of rank ", "batches").contains("batch"));
  EXPECT_TRUE(of("replica-1 of rank ", "batches").contains("batch"));
}

TEST_F(Spans, OfLearningDirect) {
  const auto job = start_input("learn", "cartpole-ci.cfg", {"--learn.updates=80"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  const Names trainer = of("rank 0", "trainer");
  EXPECT_TRUE(trainer.contains("train"));
  EXPECT_TRUE(trainer.contains("wait"));
  EXPECT_TRUE(trainer.contains("sync weight (direct)"));
  const Names explorers = of("explorer ", "explorer");  // on a busy machine one may do it all
  EXPECT_EQ(explorers, (Names{"rollout", "wait", "sync weight (direct)"}));
}

TEST_F(Spans, OfLearningByCheckpoints) {
  const auto job =
      start_input("learn", "cartpole-ci.cfg", {"--learn.updates=80", "--learn.mode=fully_async"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_TRUE(of("rank 0", "trainer").contains("sync weight (checkpoint)"));
  EXPECT_TRUE(of("explorer ", "explorer").contains("sync weight (checkpoint)"));
}

TEST_F(Spans, OfTheChildrenOfASearch) {
  const auto job = start_input("search", "search-ci.cfg");
  ASSERT_EQ(job->wait(), 0) << job->err();
  Names children;
  for (const auto& [place, names] : spans()) {
    if (!place.starts_with("child ")) continue;
    children.insert(place);
    EXPECT_EQ(names, Names{"train"}) << place;
  }
  EXPECT_GE(children.size(), 2U);
}

TEST_F(Spans, WithoutATraceThereAreNone) {
  const auto job =
      start_input("learn", "cartpole-ci.cfg", {"--learn.updates=8", "--log.trace=false"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_FALSE(std::filesystem::exists(run_dir() / "trace.json"));
  EXPECT_FALSE(std::filesystem::exists(run_dir() / "trace"));
}

}  // namespace
}  // namespace podium::test
