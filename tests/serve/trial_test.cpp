// New versions on trial: over real sockets, from the first client that meets one to its end.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>

#include "load.hpp"
#include "raw_connection.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

// So many that some are among the share of a trial and some are not, save once in 8,000 times.
constexpr int enough_clients = 14;

class Trial : public ServiceTest {
 protected:
  static ServiceOptions trial_options() {
    ServiceOptions three = options();
    three.replicas = 3;
    three.canary = {.share = 0.5, .time = 20s, .requests = 40};
    return three;
  }

  std::future<DeployResult> deploy_later(int version, const std::string& model,
                                         const std::atomic<bool>* stop = nullptr) {
    const std::string file = model_file(model);
    return std::async(std::launch::async,
                      [=, this] { return service_->deploy(file, version, 20s, stop); });
  }

  // The version that answers the client `name`; the status below zero if it is not 200.
  int version_for(const std::string& name, const std::vector<uint8_t>& image = image_of_band(1),
                  const std::string& path = "/v2/models/bands/infer") {
    RawConnection connection(service_->port());
    connection.send(post_text("Connection: close\r\nPodium-Affinity: " + name + "\r\n",
                              infer_text(image), path));
    const int status = connection.status_at_end();
    if (status != 200) return -status;
    const std::string reply = connection.read_until("");
    const Json answer = Json::parse(reply.substr(reply.find("\r\n\r\n")));
    return std::stoi(answer.at("model_version").get<std::string>());
  }

  // The names of two clients: one that the version on trial serves, and one that the old one does.
  std::pair<std::string, std::string> find_clients(int on_trial) {
    std::string first, other;
    for (int i = 0; first.empty() || other.empty(); ++i) {
      const std::string name = "client-" + std::to_string(i);
      (version_for(name) == on_trial ? first : other) = name;
      if (i > 30) break;
    }
    return {first, other};
  }

  bool trial_begins() {
    return eventually([&] { return service_->stats().canaries == 1; });
  }
};

TEST_F(Trial, AGoodVersionServesSomeClientsAndThenAll) {
  start_serving(trial_options(), "shift 1");
  std::future<DeployResult> result = deploy_later(2, "shift 2");
  ASSERT_TRUE(trial_begins());
  const auto [first, other] = find_clients(2);
  ASSERT_FALSE(first.empty());
  ASSERT_FALSE(other.empty());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(version_for(first), 2);
    EXPECT_EQ(version_for(other), 1);
  }
  EXPECT_EQ(version_for(other, image_of_band(1), "/v2/models/bands/versions/2/infer"), 2);
  EXPECT_EQ(version_for(first, image_of_band(1), "/v2/models/bands/versions/1/infer"), 1);
  EXPECT_EQ(service_->stats().version, 1);
  while (result.wait_for(0s) != std::future_status::ready) ASSERT_EQ(version_for(first), 2);
  const DeployResult done = result.get();
  EXPECT_TRUE(done.deployed) << done.error;
  EXPECT_EQ(version_for(other), 2);
  EXPECT_TRUE(eventually([&] { return all_ready(); }));
  EXPECT_EQ(service_->stats().rolled_back, 0);
  EXPECT_EQ(service_->stats().swaps, 1);
}

TEST_F(Trial, UnderLoadNothingFailsAndNoClientGoesBack) {
  start_serving(trial_options(), "shift 1");
  Load load(service_->port(), enough_clients);
  for (int version = 2; version <= 6; ++version) {
    const DeployResult result = deploy(version, "shift " + std::to_string(version));
    ASSERT_TRUE(result.deployed) << result.error;
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  EXPECT_EQ(service_->stats().canaries, 5);
  EXPECT_EQ(service_->stats().swaps, 5);
  for (const ReplicaStats& replica : service_->stats().replicas) EXPECT_EQ(replica.version, 6);
}

void expect_rolled_back(const DeployResult& result, const std::string& why) {
  EXPECT_FALSE(result.deployed);
  EXPECT_NE(result.error.find("rolled back"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find(why), std::string::npos) << result.error;
}

struct BadVersion {
  const char* name;
  const char* model;
};

class TrialOfABadVersion : public Trial, public testing::WithParamInterface<BadVersion> {};

TEST_P(TrialOfABadVersion, EndsItAndTheNextOneGetsATrial) {
  start_serving(trial_options(), "shift 1");
  std::future<DeployResult> result = deploy_later(2, GetParam().model);
  ASSERT_TRUE(trial_begins());
  const std::string first = find_clients(2).first;
  const std::vector<uint8_t> white(image_bytes, 255);
  EXPECT_EQ(version_for(first, white), -500);
  EXPECT_EQ(version_for(first, white), -500);
  expect_rolled_back(result.get(), "were errors");
  EXPECT_EQ(version_for(first, white), 1) << "the old version has no trouble with it";
  EXPECT_TRUE(eventually([&] { return all_ready(); }));
  for (const ReplicaStats& replica : service_->stats().replicas) EXPECT_EQ(replica.version, 1);
  EXPECT_EQ(service_->stats().rolled_back, 1);
  EXPECT_EQ(service_->stats().swaps, 0);
  std::future<DeployResult> next = deploy_later(3, "shift 3");
  Load load(service_->port(), enough_clients);
  EXPECT_TRUE(next.get().deployed) << "the one after it gets its trial";
}

INSTANTIATE_TEST_SUITE_P(OnRequests, TrialOfABadVersion,
                         testing::Values(BadVersion{"ThatThrows", "shift 2 throws"},
                                         BadVersion{"OfValuesThatAreNotFinite",
                                                    "shift 2 white_nan"}),
                         [](const auto& version) { return std::string(version.param.name); });

TEST_F(Trial, OneThatIsFarSlowerIsRolledBackAndNoRequestFails) {
  start_serving(trial_options(), "shift 1");
  Load load(service_->port(), enough_clients);
  const DeployResult result = deploy(2, "shift 2 slow 30");
  expect_rolled_back(result, "half of its answers took");
  const int before = load.answered();
  EXPECT_TRUE(eventually([&] { return all_ready() && load.answered() > before + 40; }));
  load.stop();
  EXPECT_EQ(service_->stats().failed, 0);
  Client http = client();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(infer(http, image_of_band(3)).model_version, "1");
}

TEST_F(Trial, OneThatKillsItsReplicaIsRolledBackAndTheRequestAnswered) {
  start_serving(trial_options(), "shift 1");
  std::future<DeployResult> result = deploy_later(2, "shift 2 fatal");
  ASSERT_TRUE(trial_begins());
  const std::string first = find_clients(2).first;
  EXPECT_EQ(version_for(first, std::vector<uint8_t>(image_bytes, 255)), 1);
  expect_rolled_back(result.get(), "died");
  EXPECT_TRUE(eventually([&] { return all_ready(); }));
}

TEST_F(Trial, ReplicasOfTheOldVersionMayDieMeanwhile) {
  start_serving(trial_options(), "shift 1");
  std::future<DeployResult> result = deploy_later(2, "shift 2");
  ASSERT_TRUE(trial_begins());
  const auto [first, other] = find_clients(2);
  for (const ReplicaStats& replica : service_->stats().replicas) {
    if (replica.version == 1) ::kill(replica.pid, SIGKILL);
  }
  EXPECT_EQ(version_for(other), 1) << "it waits for one that serves the version it knows";
  while (result.wait_for(0s) != std::future_status::ready) ASSERT_EQ(version_for(first), 2);
  EXPECT_TRUE(result.get().deployed);
  EXPECT_TRUE(eventually([&] { return all_ready(); }));
  EXPECT_EQ(version_for(other), 2);
}

TEST_F(Trial, TheEndOfTheServiceEndsIt) {
  start_serving(trial_options(), "shift 1");
  std::atomic<bool> stop{false};
  std::future<DeployResult> result = deploy_later(2, "shift 2", &stop);
  ASSERT_TRUE(trial_begins());
  stop = true;
  const DeployResult done = result.get();
  EXPECT_FALSE(done.deployed);
  EXPECT_EQ(done.error, "the service ends");
  EXPECT_TRUE(eventually([&] { return all_ready(); }));
}

TEST_F(Trial, OneReplicaAloneSwapsWithoutATrial) {
  ServiceOptions one = trial_options();
  one.replicas = 1;
  start_serving(one, "shift 1");
  EXPECT_TRUE(deploy(2, "shift 2").deployed);
  EXPECT_EQ(service_->stats().canaries, 0);
}

}  // namespace
}  // namespace podium::serve::test
