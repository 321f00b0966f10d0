#include "learn/service_feedback.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace podium::learn {
namespace {

constexpr RolloutShape shape{2, 2, 3, 10};  // two experiences of two steps, images of 3 bytes

serve::Feedback feedback(int version, int action, float reward = 1, const char* image = "abc") {
  return {{version, action, 0.5F, image}, reward};
}

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ServiceFeedback, MakesEpisodesOfOneStep) {
  ServiceFeedback all;
  all.know(7, {3, 40});
  all.add(feedback(7, 1, 0, "abc"));
  all.add(feedback(7, 2, 1, "def"));
  all.add(feedback(7, 3, 0, "ghi"));
  EXPECT_TRUE(all.take(5, shape).empty());
  all.add(feedback(7, 4, 1, "jkl"));
  const std::vector<Experience> made = all.take(5, shape);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].id, 10u);
  EXPECT_EQ(made[1].id, 11u);
  EXPECT_EQ(made[1].rollout, 5u);
  EXPECT_EQ(made[1].version, (Version{3, 40}));
  EXPECT_EQ(made[1].steps, 2);
  EXPECT_EQ(text(made[1].observations), "ghijkljkl");
  EXPECT_EQ(made[1].actions, (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(made[1].rewards, (std::vector<float>{0, 1}));
  EXPECT_EQ(made[1].ends, (std::vector<Ending>{Ending::terminal, Ending::terminal}));
  EXPECT_FLOAT_EQ(made[1].log_probability[0], std::log(0.5F));
  EXPECT_EQ(all.waiting(), 0u);
}

TEST(ServiceFeedback, AnExperienceIsOfOneVersion) {
  ServiceFeedback all;
  all.know(1, {1, 10});
  all.know(2, {2, 20});
  for (const int version : {1, 2, 1, 2, 2}) all.add(feedback(version, 0));
  const std::vector<Experience> made = all.take(0, shape);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].version.made_at, 10u);
  EXPECT_EQ(made[1].version.made_at, 20u);
  EXPECT_EQ(all.waiting(), 1u);
}

TEST(ServiceFeedback, DropsWhatTeachesNothingAndCountsIt) {
  ServiceFeedback all;
  all.know(1, {1, 10});
  all.add(feedback(9, 0));           // a version of somebody else
  all.add(feedback(1, 10));          // no such class
  all.add(feedback(1, 0, 1, "ab"));  // another image
  for (int i = 0; i < 4; ++i) all.add(feedback(1, 0));
  EXPECT_EQ(all.take(0, shape).size(), 2u);
  EXPECT_EQ(all.dropped(), 3u);
  EXPECT_EQ(all.waiting(), 0u);
}

TEST(ServiceFeedback, WhatAJobThatBeganAnewNeverHadIsDropped) {
  ServiceFeedback all;
  all.know(1, {1, 10});
  all.know(2, {2, 20});
  all.know(3, {3, 20});
  for (const int version : {1, 1, 1, 1, 2, 3}) all.add(feedback(version, 0));
  all.forget_newer({2, 10});
  EXPECT_EQ(all.take(0, shape).size(), 2u);
  EXPECT_EQ(all.dropped(), 2u);
}

TEST(ServiceFeedback, VersionsOfLongAgoAreForgotten) {
  ServiceFeedback all;
  for (int number = 1; number <= 65; ++number) all.know(number, {});
  all.add(feedback(1, 0));
  all.add(feedback(2, 0));
  EXPECT_TRUE(all.take(0, shape).empty());
  EXPECT_EQ(all.dropped(), 1u);
  EXPECT_EQ(all.waiting(), 1u);
}

}  // namespace
}  // namespace podium::learn
