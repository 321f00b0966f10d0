// Replicas that live but do not answer: stopped, stuck in the model, or worse than the others.
#include <gtest/gtest.h>

#include <csignal>

#include "load.hpp"
#include "service_fixture.hpp"

namespace podium::serve::test {
namespace {

class SilentReplica : public ServiceTest {
 protected:
  static ServiceOptions watchful() {
    ServiceOptions watchful = options();
    watchful.replicas = 3;
    watchful.health = {500ms, 500ms};
    return watchful;
  }
};

TEST_F(SilentReplica, AStoppedOneIsReplacedAndNoRequestFails) {
  start_serving(watchful(), "shift 1 slow 2");
  Load load(service_->port(), 6);
  for (int round = 0; round < 3; ++round) {
    const int before = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > before + 20; }));
    ASSERT_EQ(::kill(service_->stats().replicas[round].pid, SIGSTOP), 0);
    ASSERT_TRUE(eventually([&] { return service_->stats().restarts == round + 1 && all_ready(); }));
  }
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
  EXPECT_EQ(service_->stats().failed, 0);
  EXPECT_GT(service_->stats().retried, 0);
}

TEST_F(SilentReplica, AnIdleOneIsFoundAsWell) {
  start_serving(watchful());
  const pid_t stopped = service_->stats().replicas[1].pid;
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  EXPECT_TRUE(eventually([&] { return service_->stats().restarts == 1 && all_ready(); }));
  EXPECT_TRUE(eventually([&] { return ::kill(stopped, 0) == -1; })) << "reaped";
}

TEST_F(SilentReplica, AModelThatIsStuckIsFoundThoughItsProcessAnswers) {
  start_serving(watchful(), "stalls");
  Client http = client();
  const std::vector<uint8_t> white(image_bytes, 255);
  // It stalls every replica that it is sent to.
  EXPECT_EQ(http.request("POST", "/v2/models/bands/infer", infer_text(white)).status, 503);
  EXPECT_TRUE(eventually([&] { return service_->stats().restarts == 3 && all_ready(); }));
  EXPECT_EQ(infer(http, image_of_band(1)).classes, std::vector<int64_t>{1});
}

TEST_F(SilentReplica, LongBatchesInPiecesAreNoSilence) {
  ServiceOptions one = watchful();
  one.replicas = 1;
  start_serving(one, "slow 60");
  Client http = client();
  std::vector<uint8_t> images;  // 20 pieces, 1.2 s
  for (int i = 0; i < 320; ++i) {
    const std::vector<uint8_t> image = image_of_band(i % 10);
    images.insert(images.end(), image.begin(), image.end());
  }
  EXPECT_EQ(infer(http, images).classes.size(), 320u);
  EXPECT_EQ(service_->stats().restarts, 0);
}

TEST_F(SilentReplica, OneThatFailsWhereOthersDoNotIsEjectedAndComesBack) {
  ServiceOptions three = watchful();
  three.outliers.first_away = 200ms;
  start_serving(three, "throws-if replica-1");
  Client http = client();
  const std::vector<uint8_t> white(image_bytes, 255);
  int failed = 0;
  for (int i = 0; i < 30; ++i) {
    failed += http.request("POST", "/v2/models/bands/infer", infer_text(white)).status == 500;
  }
  EXPECT_GE(failed, 5);
  EXPECT_TRUE(eventually([&] {
    http.request("POST", "/v2/models/bands/infer", infer_text(white));
    return service_->stats().ejections >= 2;
  })) << "it came back, failed and was ejected again";
}

TEST_F(SilentReplica, TheSlowOneIsEjected) {
  ServiceOptions three = watchful();
  three.outliers.window = 200ms;
  start_serving(three, "shift 1 slow-if replica-2 60");
  Load load(service_->port(), 6);
  EXPECT_TRUE(eventually([&] { return service_->stats().ejections >= 1; }));
  load.stop();
  EXPECT_EQ(load.complaints(), std::vector<std::string>{});
}

}  // namespace
}  // namespace podium::serve::test
