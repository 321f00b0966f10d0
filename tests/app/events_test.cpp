// What jobs tell of themselves: every event and key of every verb is in the one table, each job
// begins with `started` and what it did is in `ended`, and TensorBoard's own package reads the
// curves.
//
// The package needs a Python that has it (python.hpp); without one its test is skipped.
#include <csignal>
#include <map>
#include <set>

#include "event_table.hpp"
#include "input_job.hpp"
#include "python.hpp"

namespace podium::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool fits(const json& value, const std::string& type) {
  if (value.is_null()) return true;  // it does not apply
  if (type == "text") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "list") return value.is_array();
  return type == "object" && value.is_object();
}

const EventKey* find_key(const std::vector<EventKey>& keys, const std::string& name) {
  const auto found = std::ranges::find(keys, name, &EventKey::name);
  return found == keys.end() ? nullptr : &*found;
}

class Events : public InputJobTest {
 protected:
  std::vector<json> events() const {
    std::vector<json> events;
    std::ifstream file(run_dir() / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      json event = json::parse(line, nullptr, false);
      if (event.is_object()) events.push_back(std::move(event));
    }
    return events;
  }
  std::vector<json> events(const std::string& kind) const {
    std::vector<json> found;
    for (json& event : events()) {
      if (event.at("event") == kind) found.push_back(std::move(event));
    }
    return found;
  }

  bool wait_for(const std::string& kind, size_t count, Process& job) const {
    const Deadline deadline(std::chrono::seconds(60));
    Backoff backoff(Backoff::Kind::idle);
    while (events(kind).size() < count) {
      if (deadline.expired() || !job.running()) return false;
      backoff.pause();
    }
    return true;
  }

  // Every event and key is in the table, and of its type.
  void expect_documented() const {
    for (const json& event : events()) {
      const std::string kind = event.at("event");
      const auto spec = std::ranges::find(event_table(), kind, &EventSpec::name);
      if (spec == event_table().end()) {
        ADD_FAILURE() << "not in src/event_table.cpp: " << event;
        continue;
      }
      for (const auto& [name, value] : event.items()) {
        const EventKey* key = find_key(common_event_keys(), name);
        if (key == nullptr) key = find_key(spec->keys, name);
        EXPECT_NE(key, nullptr) << kind << "." << name << " is not in the table of events";
        if (key == nullptr) continue;
        EXPECT_TRUE(fits(value, key->type)) << kind << "." << name << ": " << value;
      }
    }
  }

  // Each job has begun and told what it did.
  void expect_jobs(const std::vector<std::string>& verbs) const {
    std::map<std::string, std::string> open;  // verb by job
    std::vector<std::string> done;
    for (const json& event : events()) {
      const std::string job = event.at("job");
      if (event.at("event") == "started") {
        EXPECT_FALSE(open.contains(job));
        open[job] = event.at("verb");
        EXPECT_GE(event.at("ranks"), 1);
        EXPECT_EQ(event.at("nodes").size(), event.at("ranks"));
        EXPECT_EQ(event.at("devices").size(), event.at("ranks"));
        EXPECT_GE(event.at("threads"), 1);
        EXPECT_EQ(event.at("time").get<std::string>().size(), 20U);
      } else {
        EXPECT_TRUE(open.contains(job)) << event << " stands before `started`";
      }
      EXPECT_GE(event.at("t_s"), 0.0);
      if (event.at("event") != "ended") continue;
      EXPECT_EQ(event.at("verb"), open[job]);
      EXPECT_EQ(event.at("result").at("verb"), open[job]);
      done.push_back(open[job]);
    }
    EXPECT_EQ(done, verbs);
  }
};

TEST_F(Events, OfARun) {
  const auto job = start(3, "run", {"--run.models=dense,cnn", "--roles=train=2"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  expect_documented();
  expect_jobs({"run"});
  const json begun = events().front();
  EXPECT_EQ(begun.at("event"), "started");
  EXPECT_EQ(begun.at("roles").at("train").size(), 2U);
  EXPECT_EQ(begun.at("ranks"), 3);
  EXPECT_EQ(events("ended").front().at("result"), job->result());
  int64_t requests = 0;
  for (const json& one : events("service")) requests += one.at("requests").get<int64_t>();
  EXPECT_EQ(requests, job->result().at("service").at("requests"));
  EXPECT_GE(events("replica_started").size(), 2U);
  EXPECT_EQ(events("swapped").size(), job->result().at("service").at("swaps"));
}

TEST_F(Events, OfIngestTrainAndSelectOneAfterAnother) {
  for (const char* verb : {"ingest", "train", "select"}) {
    const auto job = start_alone(verb, {"--train.model=dense"});
    ASSERT_EQ(job->wait(), 0) << job->err();
    EXPECT_EQ(events("ended").back().at("result"), job->result());
  }
  expect_documented();
  expect_jobs({"ingest", "train", "select"});
  EXPECT_EQ(events("epoch").size(), 2U);
  EXPECT_EQ(events("started")[1].at("roles").at("train").size(), 1U);

  const std::string before = std::to_string(fs::file_size(run_dir() / "metrics.jsonl"));
  const auto exported = start_alone("export", {"--output=" + (folder() / "m.onnx").string()});
  ASSERT_EQ(exported->wait(), 0) << exported->err();
  const auto inspected = std::make_unique<Process>(
      Words{PODIUM_EXECUTABLE, "inspect", "memo", "--run.dir=" + run_dir().string()});
  ASSERT_EQ(inspected->wait(), 0) << inspected->err();
  EXPECT_EQ(std::to_string(fs::file_size(run_dir() / "metrics.jsonl")), before)
      << "what changes no run folder tells nothing there";
}

// A replica is killed, a better version is published, clients ask.
TEST_F(Events, OfAService) {
  for (const char* verb : {"train", "select"}) {
    ASSERT_EQ(start_alone(verb, {"--train.model=dense", "--model.dense.epochs=1"})->wait(), 0);
  }
  const auto job = start_alone("serve", {"--serve.linger=forever"});
  ASSERT_TRUE(job->wait_for_err("serving on")) << job->err();
  ASSERT_TRUE(wait_for("replica_started", 2, *job)) << job->err();
  std::vector<pid_t> replicas = children_of(job->pid());
  std::erase_if(replicas, [](pid_t child) { return name_of(child) != "podium"; });
  ASSERT_EQ(replicas.size(), 2U);
  ASSERT_EQ(::kill(replicas.front(), SIGKILL), 0);
  ASSERT_TRUE(wait_for("replica_died", 1, *job)) << job->err();
  ASSERT_TRUE(wait_for("replica_started", 3, *job)) << job->err();
  const auto better = start_alone("train", {"--train.model=cnn", "--model.cnn.epochs=8"});
  ASSERT_EQ(better->wait(), 0) << better->err();
  const auto select = start_alone("select");
  ASSERT_EQ(select->wait(), 0) << select->err();
  if (select->result().at("published")) {
    EXPECT_TRUE(wait_for("swapped", 1, *job)) << job->err();
  }
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 0) << job->err();
  expect_documented();
  const json died = events("replica_died").front();
  const json again = events("replica_started")[2];
  EXPECT_EQ(again.at("replica"), died.at("replica"));
  EXPECT_EQ(again.at("restarts"), 1);
  EXPECT_GT(again.at("t_s"), died.at("t_s"));
  EXPECT_EQ(events("ended").back().at("verb"), "serve");
}

TEST_F(Events, OfASearch) {
  const auto job = start_input("search", "search-ci.cfg");
  ASSERT_EQ(job->wait(), 0) << job->err();
  expect_documented();
  expect_jobs({"search"});
  EXPECT_EQ(events("sample").size(), job->result().at("samples"));
}

TEST_F(Events, OfLearning) {
  const auto job = start_input("learn", "cartpole-ci.cfg", {"--learn.updates=8"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  expect_documented();
  expect_jobs({"learn"});
  EXPECT_FALSE(events("batch").empty());
}

TEST_F(Events, OfABenchmark) {
  const auto job = std::make_unique<Process>(
      Words{PODIUM_EXECUTABLE, "bench", "ps", "--bench.max_bytes=1KiB", "--bench.repetitions=1",
            "--bench.scripts=/nowhere", "--run.dir=" + run_dir().string()});
  ASSERT_EQ(job->wait(), 0) << job->err();
  expect_documented();
  expect_jobs({"bench"});
  EXPECT_EQ(events("started").front().at("what"), "ps");
}

// Two jobs that are stopped and one that is killed, of one training: its steps go on in a new file
// each.
TEST_F(Events, TensorBoardReadsTheCurves) {
  const std::string python = find_python("tensorboard, numpy");
  if (python.empty()) {
    GTEST_SKIP() << "no Python with tensorboard and numpy: bench/make_peers.sh makes one";
  }
  const Words words = {"--train.model=dense", "--model.dense.epochs=100000", "--log.tensorboard",
                       "--ckpt.every=1epochs"};
  for (int part = 0; part < 2; ++part) {
    const auto job = start_alone("train", words);
    ASSERT_TRUE(wait_for("epoch", events("epoch").size() + 5, *job)) << job->err();
    job->signal(SIGTERM);
    ASSERT_EQ(job->wait(), 75) << job->err();
  }
  const auto job = start_alone("train", words);
  ASSERT_TRUE(wait_for("epoch", events("epoch").size() + 5, *job)) << job->err();
  job->signal(SIGKILL);
  job->wait();

  json curves = json::object();
  for (const EventCurves& one : event_curves()) {
    curves[one.event] = {{"owner", one.owner}, {"step", one.step}, {"keys", one.keys}};
  }
  Process check({python, PODIUM_CHECK_TENSORBOARD, run_dir().string(), curves.dump()});
  ASSERT_EQ(check.wait(), 0) << check.err();
  const json report = json::parse(check.out());
  EXPECT_EQ(report.at("files"), 3);
  EXPECT_GE(report.at("values"), 5 * (events("epoch").size() - 1));
}

TEST(EventTable, HasEveryEventAndKeyOnce) {
  std::set<std::string> names;
  for (const EventSpec& spec : event_table()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    std::set<std::string> keys;
    for (const EventKey& key : spec.keys) {
      EXPECT_TRUE(keys.insert(key.name).second) << spec.name << "." << key.name;
      EXPECT_EQ(find_key(common_event_keys(), key.name), nullptr);
    }
    if (spec.owner.empty()) continue;
    EXPECT_NE(find_key(spec.keys, spec.step), nullptr) << spec.name;
  }
}

TEST(EventTable, ThePageIsUpToDate) {
  std::ostringstream text;
  text << std::ifstream(PODIUM_PROJECT "/docs/events.md").rdbuf();
  EXPECT_TRUE(text.str() == events_markdown())
      << "docs/events.md is old: ninja make_events_page, then make_events_page > docs/events.md";
}

}  // namespace
}  // namespace podium::test
