// Replicas that die: no client notices, they come back, and hopeless ones are left down.
#include <gtest/gtest.h>

#include <csignal>

#include "load.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

using State = ReplicaStats::State;

class ReplicaFailure : public ServiceTest {};

TEST_F(ReplicaFailure, KilledUnderLoadNoRequestFailsAndTheyComeBack) {
  start_serving(options(), "shift 1 slow 2");
  Load load(service_->port(), 6);
  for (int round = 0; round < 6; ++round) {
    const int before = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > before + 20; }));
    ASSERT_EQ(::kill(service_->stats().replicas[round % 2].pid, SIGKILL), 0);
    ASSERT_TRUE(eventually([&] { return service_->stats().restarts == round + 1 && all_ready(); }));
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  const ServiceStats stats = service_->stats();
  EXPECT_EQ(stats.failed, 0);
  EXPECT_EQ(stats.restarts, 6);
  EXPECT_GT(stats.retried, 0);
}

TEST_F(ReplicaFailure, AcceptedRequestsWaitForTheOnlyReplicaToComeBack) {
  ServiceOptions one = options();
  one.replicas = 1;
  start_serving(one, "slow 300");
  std::thread killer([&] {
    eventually([&] { return service_->stats().in_flight == 1; });
    ::kill(service_->stats().replicas[0].pid, SIGKILL);
  });
  Client http = client();
  EXPECT_EQ(infer(http, image_of_band(6)).classes, std::vector<int64_t>{6});
  killer.join();
  EXPECT_EQ(service_->stats().retried, 1);
}

TEST_F(ReplicaFailure, ARequestThatKillsReplicasIsGivenUp) {
  ServiceOptions four = options();
  four.replicas = 4;
  start_serving(four, "fatal");
  Client http = client();
  const std::vector<uint8_t> white(image_bytes, 255);
  const HttpReply reply = http.request("POST", "/v2/models/bands/infer", infer_text(white));
  EXPECT_EQ(reply.status, 503) << reply.body;
  EXPECT_EQ(infer(http, image_of_band(1)).classes, std::vector<int64_t>{1});
  EXPECT_EQ(service_->stats().retried, 2);
}

TEST_F(ReplicaFailure, FiveDeathsInAMinuteLeaveItDownAndTheRestServe) {
  ServiceOptions three = options();
  three.replicas = 3;
  three.replica_arguments = {"die=replica-1"};
  start(three);
  ASSERT_TRUE(eventually([&] { return service_->stats().replicas[1].state == State::down; }));
  const DeployResult result = deploy(1, "shift 0");
  ASSERT_TRUE(result.deployed) << result.error;
  EXPECT_EQ(result.replicas, 2);
  Client http = client();
  for (int i = 0; i < 6; ++i) {
    const InferReply reply = infer(http, image_of_band(i));
    EXPECT_EQ(reply.classes, std::vector<int64_t>{i});
    EXPECT_NE(reply.server_replica, "replica-1");
  }
  EXPECT_EQ(service_->stats().replicas[1].restarts, 4);
}

TEST_F(ReplicaFailure, WithEveryReplicaDownRequestsGet503) {
  ServiceOptions one = options();
  one.replicas = 1;
  one.replica_arguments = {"die=replica-0"};
  start(one);
  ASSERT_TRUE(eventually([&] { return service_->stats().replicas[0].state == State::down; }));
  const DeployResult result = deploy(1, "shift 0");
  EXPECT_EQ(result.error, "every replica is down");
  Client http = client();
  EXPECT_EQ(http.request("POST", "/predict", "{}").status, 503);
  EXPECT_EQ(get(http, "/v2/health/live").status, 200);
  EXPECT_EQ(get(http, "/v2/health/ready").status, 503);
}

TEST_F(ReplicaFailure, ReplicasEndWithTheService) {
  start_serving(options());
  const std::vector<ReplicaStats> replicas = service_->stats().replicas;
  service_.reset();
  for (const ReplicaStats& replica : replicas) EXPECT_EQ(::kill(replica.pid, 0), -1);
}

}  // namespace
}  // namespace podium::serve::test
