// Replicas of other jobs that join, are lost and come back; strangers at the join port; a standby
// that takes the port over.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <optional>

#include "load.hpp"
#include "raw_connection.hpp"
#include "serve/replica/frame.hpp"
#include "serve/replica/join_door.hpp"
#include "serve/replica/joiner.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

const Log quiet(LogLevel::error, "test");

class Join : public ServiceTest {
 protected:
  static ServiceOptions open_door(int replicas = 1) {
    ServiceOptions open = options();
    open.replicas = replicas;
    open.join_port = 0;
    open.join_secret = "0123456789abcdef";
    open.health = {500ms, 0ms};
    return open;
  }

  // Another job's replicas, in this process.
  std::unique_ptr<Joiner> join(int replicas, const std::string& prefix = "far-",
                               const std::string& secret = "0123456789abcdef") {
    ServiceOptions far = options();
    far.replicas = replicas;
    far.replica_prefix = prefix;
    return std::make_unique<Joiner>(
        far,
        [this, secret] {
          return JoinAddress{"127.0.0.1", join_port_.load(), secret};
        },
        quiet);
  }

  void start_open(const ServiceOptions& open, const std::string& model) {
    start_serving(open, model);
    join_port_ = service_->join_port();
  }

  int ready_joined() const {
    int ready = 0;
    for (const ReplicaStats& replica : service_->stats().replicas) {
      ready += replica.joined && replica.state == ReplicaStats::State::ready;
    }
    return ready;
  }

  std::atomic<int> join_port_{0};
};

TEST_F(Join, AnotherJobsReplicasServeAndSwapWithTheOthers) {
  start_open(open_door(), "shift 1");
  const auto far = join(2);
  ASSERT_TRUE(eventually([&] { return ready_joined() == 2; }));
  Load load(service_->port(), 4);
  for (int version = 2; version <= 4; ++version) {
    const DeployResult result = deploy(version, "shift " + std::to_string(version));
    ASSERT_TRUE(result.deployed) << result.error;
    EXPECT_EQ(result.replicas, 3);
  }
  EXPECT_TRUE(eventually([&] {
    return std::ranges::all_of(service_->stats().replicas,
                               [](const ReplicaStats& replica) { return replica.requests > 0; });
  })) << "all have answered";
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  for (const ReplicaStats& replica : service_->stats().replicas) EXPECT_EQ(replica.version, 4);
}

TEST_F(Join, LosingThatJobLosesNoRequestAndItMayComeBack) {
  start_open(open_door(), "shift 1 slow 2");
  Load load(service_->port(), 6);
  for (int round = 0; round < 3; ++round) {
    auto far = join(2);
    ASSERT_TRUE(eventually([&] { return ready_joined() == 2; }));
    const int before = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > before + 50; }));
    far.reset();
    ASSERT_TRUE(eventually([&] { return ready_joined() == 0; }));
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  EXPECT_EQ(service_->stats().replicas.size(), 3u) << "seats are taken again";
  EXPECT_EQ(service_->stats().failed, 0);
}

TEST_F(Join, AReplicaThatCannotLoadTheVersionStaysOutAlone) {
  start_open(open_door(), "shift 1");
  const auto far = join(1, "blind-");
  ASSERT_TRUE(eventually([&] { return ready_joined() == 1; }));
  const DeployResult result = deploy(2, "shift 2 crash-if blind-0");
  EXPECT_TRUE(result.deployed) << result.error;
  EXPECT_EQ(result.replicas, 1);
  Client http = client();
  EXPECT_EQ(infer(http, image_of_band(3)).model_version, "2");
}

TEST_F(Join, OneThatFreezesBeforeItsFirstWordHoldsNoRolloutUp) {
  start_open(open_door(), "shift 1");
  RawConnection frozen(join_port_.load());
  frozen.send(encode_frame(FrameKind::join, 0, open_door().join_secret + "\nfrozen"));
  ASSERT_TRUE(eventually([&] { return service_->stats().replicas.size() == 2; }));
  const DeployResult result = deploy(2, "shift 2");
  EXPECT_TRUE(result.deployed) << result.error;
  EXPECT_EQ(result.replicas, 1);
}

// The same words have the deployment's own replica refuse it: the difference is who says so.
TEST_F(Join, AReplicaThatRefusesTheVersionStaysOutAloneAndOnesOwnDoesNot) {
  start_open(open_door(), "shift 1");
  const auto far = join(1, "blind-");
  ASSERT_TRUE(eventually([&] { return ready_joined() == 1; }));
  const DeployResult joined = deploy(2, "shift 2 nan-if blind-0");
  EXPECT_TRUE(joined.deployed) << joined.error;
  EXPECT_EQ(joined.replicas, 1);
  const DeployResult own = deploy(3, "shift 3 nan-if replica-0");
  EXPECT_FALSE(own.deployed);
  EXPECT_NE(own.error.find("replica-0: "), std::string::npos) << own.error;
  Client http = client();
  EXPECT_EQ(infer(http, image_of_band(3)).model_version, "2");
}

TEST_F(Join, WhoServesAgainElsewhereIsFoundAgain) {
  start_open(open_door(), "shift 1");
  const auto far = join(1);
  ASSERT_TRUE(eventually([&] { return ready_joined() == 1; }));
  service_.reset();
  start_open(open_door(), "shift 1");
  EXPECT_TRUE(eventually([&] { return ready_joined() == 1; }));
}

TEST_F(Join, AWrongSecretFindsNoSeat) {
  start_open(open_door(), "shift 1");
  const auto stranger = join(1, "far-", "0123456789abcdee");
  const auto friendly = join(1, "friend-");
  ASSERT_TRUE(eventually([&] { return ready_joined() == 1; }));
  EXPECT_EQ(stranger->joined(), 0);
  EXPECT_EQ(service_->stats().replicas.size(), 2u);
  EXPECT_EQ(service_->stats().replicas[1].name, "friend-0");
}

TEST_F(Join, StrangersDisturbNobody) {
  start_open(open_door(), "shift 1");
  Load load(service_->port(), 2);
  std::vector<std::unique_ptr<RawConnection>> silent;
  for (size_t i = 0; i < JoinDoor::most_handshakes / 2; ++i) {
    silent.push_back(std::make_unique<RawConnection>(join_port_.load()));
  }
  const std::string secret = open_door().join_secret;
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100000, '\xff'), std::string(16, '\0'),
        encode_frame(FrameKind::join, 0, secret), encode_frame(FrameKind::join, 0, "\nname"),
        encode_frame(FrameKind::join, 0, std::string(600, 'x')),
        encode_frame(FrameKind::ping, 0, secret + "\nname"),
        encode_frame(FrameKind::join, 0, secret + "\n../name")}) {
    RawConnection stranger(join_port_.load());
    stranger.send(text);
    stranger.end_sending();
    stranger.status_at_end();
  }
  // One that knows the secret may still say anything.
  for (const std::string& text :
       {encode_frame(FrameKind::reply, 1, ""), encode_frame(FrameKind::prepared, 1, "x"),
        encode_reply_head(1, {}, 0), encode_frame(FrameKind::request, 1, ""),
        encode_frame(FrameKind::pong, 0, "")}) {
    RawConnection liar(join_port_.load());
    liar.send(encode_frame(FrameKind::join, 0, secret + "\nliar"));
    liar.read_until("!");  // the kind of the welcome
    liar.send(text);
    liar.end_sending();
    liar.status_at_end();
  }
  const auto far = join(1);
  EXPECT_TRUE(eventually([&] { return ready_joined() == 1; }));
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
}

TEST(JoinDoor, ComparesSecretsAndNames) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
  EXPECT_TRUE(is_replica_name("node-7.example-12-0"));
  EXPECT_FALSE(is_replica_name(""));
  EXPECT_FALSE(is_replica_name("a b"));
  EXPECT_FALSE(is_replica_name(std::string(129, 'a')));
}

TEST_F(Join, AStandbyTakesThePortOverWithWarmReplicas) {
  start_open(open_door(), "shift 1");
  ServiceOptions second = open_door();
  second.port = service_->port();
  second.standby = true;
  Service standby(second, quiet);
  ASSERT_TRUE(standby.deploy(model_file("shift 1"), 1, 20s).deployed);
  EXPECT_EQ(standby.port(), 0);
  const auto far = join(1);
  ASSERT_TRUE(eventually([&] { return ready_joined() == 1; }));
  service_.reset();
  ASSERT_TRUE(eventually([&] { return standby.port() == second.port; }));
  join_port_ = standby.join_port();
  Client http("127.0.0.1", second.port, 20s);
  EXPECT_EQ(infer(http, image_of_band(3)).classes, std::vector<int64_t>{4});
  EXPECT_TRUE(eventually([&] { return standby.stats().replicas.size() == 2; }))
      << "joined replicas follow";
}

TEST_F(Join, AStandbyNeedsAPortToWaitFor) {
  ServiceOptions aimless = options();
  aimless.standby = true;
  EXPECT_THROW(Service(aimless, quiet), Error);
}

}  // namespace
}  // namespace podium::serve::test
