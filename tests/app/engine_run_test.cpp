// Published weights on their way through the checkpoint engine, in jobs as users start them.
#include <algorithm>
#include <fstream>
#include <map>
#include <regex>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

class EngineOfAJob : public AppTest {
 protected:
  // The events of one kind in the run's metrics.
  std::vector<nlohmann::json> events(const std::string& kind) const {
    std::vector<nlohmann::json> found;
    std::ifstream file(run_dir() / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      nlohmann::json event = nlohmann::json::parse(line);
      if (event.value("event", "") == kind) found.push_back(std::move(event));
    }
    return found;
  }

  // Runs the job and checks that the service classifies as the trainers do.
  void expect_served(int ranks, const Words& more) const {
    const auto job = start(ranks, "run", more);
    ASSERT_EQ(job->wait(), 0) << job->err();
    const nlohmann::json result = job->result();
    for (const nlohmann::json& model : result.at("models")) {
      if (model.at("name") != result.at("selected")) continue;
      EXPECT_EQ(result.at("front_door").at("accuracy"), model.at("test_accuracy"));
    }
    for (const nlohmann::json& event : events("deployed")) EXPECT_FALSE(event.contains("failed"));
    EXPECT_FALSE(std::filesystem::exists(run_dir() / "engine.json"));
    std::ifstream file(run_dir() / "metrics.jsonl");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text.find("secret"), std::string::npos);
  }
};

TEST_F(EngineOfAJob, BroadcastReachesTheReplicasOfEveryServingRank) {
  expect_served(6, {"--roles=ingest=1,train=2,ckpt=2,serve=2"});
  const auto moved = events("moved");
  ASSERT_FALSE(moved.empty());
  for (const nlohmann::json& event : moved) {
    EXPECT_EQ(event.at("by"), "broadcast");
    EXPECT_EQ(event.at("workers"), 4) << event;
    EXPECT_EQ(event.at("dropped"), 0);
  }
}

// The one that stores a model, and the one that does not, alternate between the groups.
TEST_F(EngineOfAJob, EachCkptRankBringsItsSlice) {
  for (const char* roles : {"ingest=1,train=3,ckpt=2,serve=1", "ingest=1,train=2,ckpt=3,serve=1"}) {
    std::filesystem::remove_all(run_dir());
    expect_served(5, {std::string("--roles=") + roles});
    const auto moved = events("moved");
    ASSERT_FALSE(moved.empty());
    for (const nlohmann::json& event : moved) {
      const std::vector<uint64_t> shards = event.at("shard_bytes");
      const auto [least, most] = std::ranges::minmax(shards);
      EXPECT_GT(least, 0U) << event;
      EXPECT_LE(most - least, 512U) << "to 256 bytes at each end: " << event;
    }
  }
}

TEST_F(EngineOfAJob, BucketsMayBeSmallerThanTensors) {
  expect_served(1, {"--engine.bucket=256", "--engine.memory=1000"});
}

TEST_F(EngineOfAJob, PointToPointDoesWithoutARound) {
  expect_served(4, {"--engine.sync=p2p"});
  const auto moved = events("moved");
  ASSERT_FALSE(moved.empty());
  EXPECT_EQ(moved.front().at("by"), "p2p");
}

TEST_F(EngineOfAJob, DiskNeedsNoEngine) {
  expect_served(4, {"--engine.sync=disk"});
  EXPECT_TRUE(events("moved").empty());
}

TEST_F(EngineOfAJob, APodOfItsOwnJoinsByAddressAndSecret) {
  const auto job = start(4, "run", {"--serve.linger=forever"});
  ASSERT_TRUE(job->wait_for_err("or SIGTERM")) << job->err();
  const auto address = run_dir() / "engine.json";
  const auto mode = std::filesystem::status(address).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

  Process pod({PODIUM_EXECUTABLE, "serve", PODIUM_CI_INPUT,
               "--run.dir=" + (folder() / "elsewhere").string(),
               "--engine.join=" + address.string()});
  ASSERT_TRUE(pod.wait_for_err("serving on http")) << pod.err();
  std::smatch found;
  const std::string err = pod.err();
  ASSERT_TRUE(std::regex_search(err, found, std::regex("serving on http://([^/]+)/")));
  const serve::HostPort door = serve::parse_host_port(found[1].str());
  serve::Client client = client_of(door, folder() / "elsewhere");
  const auto reply = client.request("GET", "/v2/models/shapes");
  EXPECT_EQ(reply.status, 200) << reply.body;
  const int version = events("moved").back().at("version");
  EXPECT_EQ(nlohmann::json::parse(reply.body).at("versions").at(0), std::to_string(version));

  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(client.request("GET", "/v2/health/ready").status, 200) << "it serves on alone";
  pod.signal(SIGTERM);
  EXPECT_EQ(pod.wait(), 0) << pod.err();
}

TEST_F(EngineOfAJob, AWrongAddressIsToldByName) {
  std::ofstream(folder() / "engine.json") << "{}";
  const auto pod = start_alone("serve", {"--engine.join=" + (folder() / "engine.json").string()});
  EXPECT_EQ(pod->wait(), 65) << pod->err();
  EXPECT_NE(pod->err().find("engine.json"), std::string::npos) << pod->err();
}

TEST_F(EngineOfAJob, TheBenchmarkTellsEverySchedule) {
  Process job({PODIUM_MPIRUN, "-n", "4", PODIUM_EXECUTABLE, "bench", "ckpt", "--pods=2",
               "--devices=2", "--size=8MiB", "--repetitions=1", "--trace",
               "--run.dir=" + run_dir().string()});
  ASSERT_EQ(job.wait(), 0) << job.err();
  const nlohmann::json result = job.result();
  EXPECT_EQ(result.at("what"), "ckpt");
  EXPECT_EQ(result.at("ranks"), 4);
  ASSERT_EQ(result.at("rows").size(), 6U);
  for (const nlohmann::json& row : result.at("rows")) {
    EXPECT_GT(row.at("ours").get<double>(), 0.0);
    EXPECT_GT(row.at("limit").get<double>(), 0.0);
  }
  const nlohmann::json trace = nlohmann::json::parse(std::ifstream(run_dir() / "trace.json"));
  std::map<std::string, int> spans;
  for (const nlohmann::json& event : trace.at("traceEvents")) {
    if (event.at("ph") == "X") ++spans[event.at("name")];
  }
  for (const char* name : {"H2D", "broadcast (src)", "broadcast (dst)", "reload weights"}) {
    EXPECT_GT(spans[name], 0) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(run_dir() / "trace.svg"));
}

TEST_F(EngineOfAJob, TheBenchmarkRefusesWhatItCannotPlay) {
  for (const char* flag : {"--size=0", "--size=3", "--pods=4096", "--devices=65"}) {
    Process job({PODIUM_EXECUTABLE, "bench", "ckpt", flag, "--repetitions=1"});
    EXPECT_EQ(job.wait(), 2) << flag << job.err();
  }
}

}  // namespace
}  // namespace podium::test
