// New versions: swapped under load without a failed request, refused without a trace.
#include <gtest/gtest.h>

#include <csignal>

#include "core/error.hpp"
#include "load.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class Deployment : public ServiceTest {};

TEST_F(Deployment, SwapsUnderLoadLoseNothingAndNeverGoBack) {
  start_serving(options(), "shift 1");
  Load load(service_->port(), 4);
  for (int version = 2; version <= 12; ++version) {
    const int before = load.answered();
    const DeployResult result = deploy(version, "shift " + std::to_string(version));
    ASSERT_TRUE(result.deployed) << result.error;
    EXPECT_EQ(result.replicas, 2);
    ASSERT_TRUE(eventually([&] { return load.answered() > before + 40; }));
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  EXPECT_EQ(*load.versions().rbegin(), 12);
  EXPECT_EQ(service_->stats().failed, 0);
  EXPECT_EQ(service_->stats().swaps, 11);
  EXPECT_TRUE(eventually([&] { return service_->stats().swap_ms > 0; })) << "all have answered";
}

TEST_F(Deployment, OneThatFailsChangesNothing) {
  start_serving(options(), "shift 1");
  Load load(service_->port(), 2);
  ASSERT_TRUE(eventually([&] { return load.answered() > 10; }));
  DeployResult result = service_->deploy("/nowhere/model", 2, 20s);
  EXPECT_FALSE(result.deployed);
  EXPECT_NE(result.error.find("/nowhere/model"), std::string::npos) << result.error;
  result = deploy(2, "nan");
  EXPECT_FALSE(result.deployed);
  EXPECT_NE(result.error.find("not finite"), std::string::npos) << result.error;
  EXPECT_FALSE(deploy(1, "shift 1").deployed) << "not newer";
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  EXPECT_EQ(load.versions(), std::set<int>{1});
  EXPECT_EQ(service_->stats().swaps, 0);
  EXPECT_EQ(service_->stats().restarts, 0);
  EXPECT_TRUE(deploy(2, "shift 2").deployed) << "the number is free again";
}

TEST_F(Deployment, OneThatKillsReplicasLeavesTheServiceStanding) {
  start_serving(options(), "shift 1");
  const DeployResult result = deploy(2, "crash");
  EXPECT_FALSE(result.deployed);
  EXPECT_TRUE(eventually([&] { return all_ready(); }));
  Client http = client();
  EXPECT_EQ(infer(http, image_of_band(3)).model_version, "1");
}

TEST_F(Deployment, OneThatTakesTooLongIsGivenUp) {
  start_serving(options(), "shift 1");
  const DeployResult late = service_->deploy(model_file("shift 2 slow 400"), 2, 50ms);
  EXPECT_FALSE(late.deployed);
  EXPECT_NE(late.error.find("50 ms"), std::string::npos) << late.error;
  // Replicas are still loading the first file; the same version from another one must not be
  // mistaken for it.
  EXPECT_TRUE(deploy(2, "shift 5").deployed);
  Client http = client();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(infer(http, image_of_band(3)).classes, std::vector<int64_t>{8});
  }
}

// Batches of every size that a replica makes, by the model that a version brings.
TEST_F(Deployment, NoRequestMeetsAColdBatch) {
  ServiceOptions options = Deployment::options();
  options.max_batch = 12;  // of the model's 16
  start_serving(options, "cold");
  ASSERT_TRUE(deploy(2, "cold shift 1").deployed);
  Client http = client();
  for (int n = 1; n <= 14; ++n) {  // larger ones go in pieces
    std::vector<uint8_t> images;
    for (int i = 0; i < n; ++i) images.insert(images.end(), image_bytes, uint8_t(10 * i));
    EXPECT_EQ(infer(http, images).model_version, "2") << n;
  }
  EXPECT_EQ(service_->stats().failed, 0);
}

TEST_F(Deployment, AReplicaThatStartsLaterLoadsTheNewestBeforeItServes) {
  start_serving(options(), "shift 1");
  Load load(service_->port(), 3);
  for (int version = 2; version <= 5; ++version) {
    ::kill(service_->stats().replicas[version % 2].pid, SIGKILL);
    // The death may fall into the rollout: then the other replica carries it alone.
    ASSERT_TRUE(deploy(version, "shift " + std::to_string(version)).deployed);
    ASSERT_TRUE(eventually([&] { return all_ready(); }));
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  for (const ReplicaStats& replica : service_->stats().replicas) EXPECT_EQ(replica.version, 5);
}

}  // namespace
}  // namespace podium::serve::test
