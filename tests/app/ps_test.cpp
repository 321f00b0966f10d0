// Training through parameter servers as users start it: `train --train.sync=ps`, servers that are
// killed, jobs that go on, and the comparison with AllReduce.
#include <csignal>
#include <fstream>

#include "app_fixture.hpp"

namespace podium::test {
namespace {

using nlohmann::json;

class ParameterServers : public AppTest {
 protected:
  static Words by_servers(const Words& more = {}) {
    Words words = {"--train.sync=ps", "--train.model=cnn", "--train.threads=1"};
    append(words, more);
    return words;
  }

  json trained(int ranks, const Words& more) const {
    std::filesystem::remove_all(run_dir());
    const auto job = start(ranks, "train", more);
    EXPECT_EQ(job->wait(), 0) << job->err();
    return job->result();
  }

  // The rows of `bench sync` on `ranks` ranks.
  json compared(int ranks, const Words& more) const {
    Words command = {PODIUM_MPIRUN, "-n", std::to_string(ranks)};
    append(command,
           {PODIUM_EXECUTABLE, "bench", "sync", PODIUM_CI_INPUT, "--run.dir=" + run_dir().string(),
            "--io.cache_dir=" + (folder() / "cache").string(), "--run.models=dense,cnn",
            "--bench.repetitions=2", "--train.threads=1"});
    append(command, more);
    Process job(command);
    EXPECT_EQ(job.wait(), 0) << job.err();
    return job.result().at("rows");
  }

  // The server processes of a job: children of its ranks.
  static std::vector<pid_t> servers_of(const Process& job) {
    std::vector<pid_t> servers;
    std::vector<pid_t> next = {job.pid()};
    while (!next.empty()) {
      const pid_t pid = next.back();
      next.pop_back();
      for (const pid_t child : children_of(pid)) next.push_back(child);
      std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
      std::string line;
      std::getline(file, line);
      if (line.find("__ps_server") != std::string::npos) servers.push_back(pid);
    }
    return servers;
  }

  // Whether it shares memory with a worker (src/ps/tcp/window.hpp).
  static bool maps_windows(pid_t server) {
    std::ifstream file("/proc/" + std::to_string(server) + "/maps");
    const std::string maps(std::istreambuf_iterator<char>(file), {});
    return maps.find("memfd:podium-ps") != std::string::npos;
  }
};

TEST_F(ParameterServers, BspTrainsWhatAllReduceTrains) {
  const json ours = trained(2, by_servers());
  EXPECT_EQ(ours.at("sync"), "ps");
  EXPECT_EQ(ours.at("ranks"), 2);
  const json& ps = ours.at("ps");
  EXPECT_EQ(ps.at("consistency"), "bsp");
  EXPECT_TRUE(ps.at("staleness_bound").is_null());
  EXPECT_EQ(ps.at("servers"), 2);
  const uint64_t steps = 2 * 43;
  EXPECT_EQ(ps.at("bytes_pushed"), 2 * steps * 4 * ours.at("parameters").get<uint64_t>());
  EXPECT_EQ(ps.at("bytes_pulled"), ps.at("bytes_pushed"));
  EXPECT_EQ(ps.at("staleness"), json::array({2 * 2 * steps})) << "of each trainer and server";
  EXPECT_EQ(ps.at("failovers"), 0);

  const json theirs = trained(2, {"--train.model=cnn", "--train.threads=1"});
  EXPECT_EQ(theirs.at("sync"), "allreduce");
  EXPECT_FALSE(theirs.contains("ps"));
  EXPECT_NEAR(ours.at("val_accuracy"), theirs.at("val_accuracy"), 0.01);
}

TEST_F(ParameterServers, OptionsOfServersThatNobodyAskedForAreTold) {
  for (const bool asked : {false, true}) {
    const auto job = start_alone(
        "train", {"--train.model=dense", "--model.dense.epochs=1", "--ps.consistency=asp",
                  asked ? "--train.sync=ps" : "--train.sync=allreduce"});
    ASSERT_EQ(job->wait(), 0) << job->err();
    const bool told = job->err().find("--ps.consistency is ignored") != std::string::npos;
    EXPECT_NE(told, asked) << job->err();
  }
}

TEST_F(ParameterServers, EveryConsistencyAndOneTrainerWork) {
  for (const char* consistency : {"bsp", "ssp", "asp"}) {
    const bool bounded = std::string(consistency) == "ssp";
    const json result =
        trained(1, by_servers({std::string("--ps.consistency=") + consistency, "--ps.servers=1",
                               bounded ? "--ps.staleness=2" : "--ps.staleness=0"}));
    EXPECT_EQ(result.at("ps").at("consistency"), consistency);
    EXPECT_GT(result.at("val_accuracy"), 0.9) << consistency;
  }
}

TEST_F(ParameterServers, AJobWhoseServerIsKilledEndsWithTheSameBits) {
  const Words how = by_servers({"--ps.replicas=1", "--ps.servers=3", "--model.cnn.epochs=40"});
  const json undisturbed = trained(2, how);
  std::filesystem::remove_all(run_dir());
  const auto job = start(2, "train", how);
  ASSERT_TRUE(job->wait_for_err("epoch  2/40")) << job->err();
  const std::vector<pid_t> servers = servers_of(*job);
  ASSERT_EQ(servers.size(), 3U);
  ::kill(servers.front(), SIGKILL);
  ASSERT_EQ(job->wait(), 0) << job->err();
  EXPECT_EQ(job->result().at("weights_xxh3"), undisturbed.at("weights_xxh3"));
  EXPECT_GT(job->result().at("ps").at("failovers"), 0);
}

TEST_F(ParameterServers, AStoppedJobGoesOnToTheSameBits) {
  const Words how = by_servers({"--model.cnn.epochs=20"});
  const json undisturbed = trained(2, how);
  std::filesystem::remove_all(run_dir());
  const auto stopped = start(2, "train", how);
  ASSERT_TRUE(stopped->wait_for_err("epoch  2/20")) << stopped->err();
  stopped->signal(SIGTERM);
  ASSERT_EQ(stopped->wait(), 75) << stopped->err();
  const auto rest = start(2, "train", how);
  ASSERT_EQ(rest->wait(), 0) << rest->err();
  EXPECT_EQ(rest->result().at("weights_xxh3"), undisturbed.at("weights_xxh3"));
}

// As a batch system stops a job: servers hear of it too.
TEST_F(ParameterServers, AStopOfAllProcessesIsAStopInGoodOrder) {
  const auto job = start(2, "train", by_servers({"--model.cnn.epochs=4000"}));
  ASSERT_TRUE(job->wait_for_err("epoch  2/")) << job->err();
  const std::vector<pid_t> servers = servers_of(*job);
  ASSERT_EQ(servers.size(), 2U);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::kill(servers.front(), number);
  job->signal(SIGTERM);
  EXPECT_EQ(job->wait(), 75) << job->err();
}

TEST_F(ParameterServers, AServerWithoutABackupEndsTheJobByName) {
  const auto job = start(2, "train", by_servers({"--model.cnn.epochs=4000"}));
  ASSERT_TRUE(job->wait_for_err("epoch  2/")) << job->err();
  const std::vector<pid_t> servers = servers_of(*job);
  ASSERT_EQ(servers.size(), 2U);
  ::kill(servers.back(), SIGKILL);
  EXPECT_EQ(job->wait(), 69) << job->err();
  EXPECT_NE(job->last_words().find("server"), std::string::npos) << job->last_words();
  EXPECT_TRUE(std::filesystem::exists(run_dir() / "checkpoints" / "cnn"));
}

TEST_F(ParameterServers, RanksServeToTheSameBitsAsProcesses) {
  for (const char* consistency : {"--ps.consistency=bsp", "--ps.consistency=asp"}) {
    const json processes = trained(2, by_servers({consistency}));
    const json ranks = trained(4, by_servers({consistency, "--ps.transport=mpi"}));
    EXPECT_EQ(ranks.at("ranks"), 2) << "two serve";
    EXPECT_EQ(ranks.at("ps").at("bytes_pushed"), processes.at("ps").at("bytes_pushed"));
    EXPECT_GT(ranks.at("val_accuracy"), 0.9);
    if (std::string(consistency).ends_with("asp")) continue;
    EXPECT_EQ(ranks.at("weights_xxh3"), processes.at("weights_xxh3"));
  }
}

TEST_F(ParameterServers, AStopReachesServersThatAreRanks) {
  const Words how = by_servers({"--ps.transport=mpi", "--ps.servers=1", "--model.cnn.epochs=20"});
  const json undisturbed = trained(3, how);
  std::filesystem::remove_all(run_dir());
  const auto stopped = start(3, "train", how);
  ASSERT_TRUE(stopped->wait_for_err("epoch  2/20")) << stopped->err();
  stopped->signal(SIGTERM);
  ASSERT_EQ(stopped->wait(), 75) << stopped->err();
  const auto rest = start(3, "train", how);
  ASSERT_EQ(rest->wait(), 0) << rest->err();
  EXPECT_EQ(rest->result().at("weights_xxh3"), undisturbed.at("weights_xxh3"));
}

TEST_F(ParameterServers, SharedMemoryIsUsedUnlessItIsDeclined) {
  for (const bool shares : {true, false}) {
    std::filesystem::remove_all(run_dir());
    const auto job = start(2, "train",
                           by_servers({shares ? "--ps.shared_memory" : "--ps.shared_memory=false",
                                       "--model.cnn.epochs=4000"}));
    ASSERT_TRUE(job->wait_for_err("epoch  2/")) << job->err();
    const std::vector<pid_t> servers = servers_of(*job);
    ASSERT_EQ(servers.size(), 2U);
    for (const pid_t server : servers) EXPECT_EQ(maps_windows(server), shares);
    job->signal(SIGTERM);
    EXPECT_EQ(job->wait(), 75) << job->err();
  }
}

TEST_F(ParameterServers, NoServerOutlivesItsJob) {
  const auto job = start(2, "train", by_servers({"--model.cnn.epochs=4000"}));
  ASSERT_TRUE(job->wait_for_err("epoch  2/")) << job->err();
  const std::vector<pid_t> servers = servers_of(*job);
  ASSERT_EQ(servers.size(), 2U);
  ::kill(job->pid(), SIGKILL);
  for (const pid_t server : servers) {
    const Deadline deadline(std::chrono::seconds(20));
    while (!name_of(server).empty() && !deadline.expired()) usleep(10'000);
    EXPECT_EQ(name_of(server), "") << "a server without its job";
  }
}

TEST_F(ParameterServers, RunTrainsItsModelsThroughThem) {
  const auto job = start(3, "run", {"--train.sync=ps", "--run.models=dense,cnn"});
  ASSERT_EQ(job->wait(), 0) << job->err();
  for (const json& model : job->result().at("models")) {
    EXPECT_EQ(model.at("ps").at("servers"), 2) << model;
    EXPECT_GT(model.at("test_accuracy"), 0.8) << model;
  }
}

TEST_F(ParameterServers, BadInputIsOneLine) {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--ps.servers=0"}, "ps.servers"},
      {{"--ps.replicas=2"}, "2 backups of each range need more than 2 servers"},
      {{"--ps.staleness=3"}, "only ssp has a bound on staleness, not bsp"},
      {{"--ps.consistency=ssp"}, "ssp needs a bound on staleness"},
      {{"--ps.consistency=tso"}, "bsp, ssp, asp"},
      {{"--ps.transport=smoke"}, "tcp, mpi"},
      {{"--ps.filter.encoding=int4"}, "fp32, fp16, bf16"},
      {{"--ps.filter.significance=-1"}, "ps.filter.significance"},
      {{"--ps.transport=mpi", "--ps.replicas=1"}, "backups would save nothing"},
      {{"--ps.transport=mpi"}, "the job has 1"},
      {{"--ps.consistency=asp", "--model.cnn.ema=0.9"}, "--model.cnn.ema"}};
  for (const auto& [more, says] : cases) {
    const auto job = start_alone("train", by_servers(more));
    EXPECT_EQ(job->wait(), 2) << says;
    EXPECT_NE(job->last_words().find(says), std::string::npos) << job->last_words();
  }
  const auto run = start_alone("run", by_servers({"--ps.transport=mpi"}));
  EXPECT_EQ(run->wait(), 2);
  EXPECT_NE(run->last_words().find("podium train"), std::string::npos) << run->last_words();
}

TEST_F(ParameterServers, TheComparisonTellsAllWaysSideBySide) {
  Words command = {PODIUM_MPIRUN, "-n", "2"};
  append(command,
         {PODIUM_EXECUTABLE, "bench", "sync", PODIUM_CI_INPUT, "--run.dir=" + run_dir().string(),
          "--io.cache_dir=" + (folder() / "cache").string(), "--run.models=dense,cnn",
          "--bench.repetitions=2", "--ps.staleness=3", "--train.threads=1"});
  Process job(command);
  ASSERT_EQ(job.wait(), 0) << job.err();
  const json rows = job.result().at("rows");
  ASSERT_EQ(rows.size(), 8U);
  const std::vector<std::string> ways = {"allreduce", "bsp", "ssp 3", "asp"};
  for (size_t i = 0; i < rows.size(); ++i) {
    const json& row = rows[i];
    EXPECT_EQ(row.at("model"), i < 4 ? "dense" : "cnn");
    EXPECT_EQ(row.at("sync"), ways[i % 4]);
    EXPECT_GT(row.at("val_accuracy"), 0.8) << row;
    EXPECT_DOUBLE_EQ(row.at("ratio"),
                     row.at("ours").get<double>() / rows[i / 4 * 4].at("ours").get<double>());
    EXPECT_GT(row.at("sent_bytes_per_step"), 0);
    EXPECT_EQ(row.at("staleness").empty(), i % 4 == 0);
    if (i % 4 != 2) continue;
    EXPECT_LE(row.at("staleness_max"), 3) << row;
  }
  EXPECT_EQ(rows[1].at("val_accuracy"), rows[0].at("val_accuracy")) << "bsp is AllReduce's equal";
}

TEST_F(ParameterServers, AComparisonThatIsStoppedSaysSo) {
  for (const Words& more : {Words{}, Words{"--ps.transport=mpi", "--bench.syncs=bsp,asp"}}) {
    Words command = {PODIUM_MPIRUN, "-n", "4"};
    append(command,
           {PODIUM_EXECUTABLE, "bench", "sync", PODIUM_CI_INPUT, "--run.dir=" + run_dir().string(),
            "--io.cache_dir=" + (folder() / "cache").string(), "--run.models=dense",
            "--bench.repetitions=1000", "--train.threads=1"});
    append(command, more);
    Process job(command);
    ASSERT_TRUE(job.wait_for_err("bench: dense by")) << job.err();
    job.signal(SIGTERM);
    EXPECT_EQ(job.wait(), 75) << job.err();
    EXPECT_NE(job.err().find("stopped early"), std::string::npos) << job.err();
  }
}

// They may stand in an input file beside another way to train.
TEST_F(ParameterServers, TheComparisonWorksWithServersThatAreRanks) {
  const json rows = compared(4, {"--ps.transport=mpi", "--bench.syncs=bsp,asp"});
  ASSERT_EQ(rows.size(), 4U);
  for (const json& row : rows) {
    EXPECT_TRUE(row.at("ratio").is_null()) << "nobody measured AllReduce";
    EXPECT_GT(row.at("val_accuracy"), 0.8) << row;
  }
}

}  // namespace
}  // namespace podium::test
