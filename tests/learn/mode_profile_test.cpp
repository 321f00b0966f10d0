// Where time went, from spans; and the fastest that parts allow.
#include "learn/mode_profile.hpp"

#include <gtest/gtest.h>

namespace podium::learn {
namespace {

constexpr int64_t ms = 1'000'000;

SpentSpan span(Spent what, int64_t begin_ms, int64_t end_ms) {
  return {what, begin_ms * ms, end_ms * ms};
}

// One explorer and one trainer that wait for each other: 40 ms of rollout, 50 ms of training, the
// weights out in 4 ms and in within 6 ms.
Timeline one_by_one(int batches) {
  Timeline timeline;
  for (int i = 0; i < batches; ++i) {
    const int64_t at = i * 100;
    std::vector<SpentSpan>& explorer = timeline.explorers[0];
    explorer.push_back(span(Spent::rollout, at, at + 40));
    explorer.push_back(span(Spent::wait_for_weights, at + 40, at + 94));
    explorer.push_back(span(Spent::transfer, at + 94, at + 100));
    timeline.trainers.push_back(span(Spent::wait_for_experiences, at, at + 40));
    timeline.trainers.push_back(span(Spent::train, at + 40, at + 90));
    timeline.trained_ns.push_back((at + 90) * ms);
    timeline.published_ns.push_back((at + 90) * ms);
    timeline.trainers.push_back(span(Spent::transfer, at + 90, at + 94));
    timeline.trainers.push_back(span(Spent::wait_for_experiences, at + 94, at + 100));
  }
  return timeline;
}

TEST(ModeProfile, TellsWhereTheTimeWent) {
  const ModeProfile profile = profile_of(one_by_one(10), 2);
  EXPECT_NEAR(profile.batch_s, 0.1, 1e-9);
  EXPECT_NEAR(profile.rollout_s, 0.04, 1e-9);
  EXPECT_NEAR(profile.train_s, 0.05, 1e-9);
  EXPECT_NEAR(profile.sync_s, 0.01, 1e-9);
  EXPECT_NEAR(profile.utilisation, 0.45, 1e-9);
  EXPECT_NEAR(profile.bubble, 0.5, 1e-9);
  EXPECT_NEAR(profile.wake_up_s, 0.01, 1e-9);
}

TEST(ModeProfile, AnExplorerThatDidNotWaitIsNotWokenUp) {
  Timeline timeline = one_by_one(10);
  // It takes the weights when its rollout is done.
  timeline.explorers[0] = {span(Spent::rollout, 0, 400), span(Spent::transfer, 400, 406),
                           span(Spent::rollout, 406, 990)};
  timeline.published_ns = {320 * ms};
  EXPECT_EQ(profile_of(timeline, 0).wake_up_s, 0);
}

TEST(BestSpeedUp, TheSlowerSideDecides) {
  EXPECT_DOUBLE_EQ(best_speed_up({.rollout_s = 0.2, .train_s = 0.1, .explorers = 2}), 2);
  EXPECT_DOUBLE_EQ(best_speed_up({.rollout_s = 0.3, .train_s = 0.1}), 4.0 / 3);
  EXPECT_DOUBLE_EQ(best_speed_up({.rollout_s = 0.1, .train_s = 0.2, .sync_s = 0.1}), 2);
  // Rollouts that wait for the longest one take longer together than apart.
  EXPECT_DOUBLE_EQ(
      best_speed_up({.rollout_s = 0.2, .train_s = 0.1, .explorers = 2, .synchronous_s = 0.4}), 4);
}

}  // namespace
}  // namespace podium::learn
