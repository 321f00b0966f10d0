#include "learn/buffer.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "learn/experiences.hpp"

namespace podium::learn {
namespace {

using test::experience;
using test::ids;
using test::unrewarded;
using Ids = std::vector<uint64_t>;
using Time = Buffer::Time;

constexpr Time start{1000};

BufferOptions options(size_t capacity = 100) {
  BufferOptions options;
  options.capacity = capacity;
  return options;
}

void put_all(Buffer& buffer, const Ids& all) {
  for (const uint64_t id : all) EXPECT_TRUE(buffer.put(experience(id), start));
}

TEST(Buffer, DrawsByRolloutWhoeverCameFirst) {
  Buffer buffer(options());
  put_all(buffer, {9, 4, 0, 5, 1});
  EXPECT_EQ(ids(buffer.draw(3, 0)), (Ids{0, 1, 4}));
  EXPECT_EQ(ids(buffer.draw(3, 0)), Ids{});  // only two are left
  EXPECT_EQ(ids(buffer.draw(2, 0)), (Ids{5, 9}));
  EXPECT_EQ(buffer.counts().used_up, 5u);
}

TEST(Buffer, WhatIsDrawnIsWhatWasPut) {
  Buffer buffer(options());
  put_all(buffer, {17});
  const Experience drawn = buffer.draw(1, 0).at(0);
  const Experience made = experience(17);
  EXPECT_EQ(drawn.observations, made.observations);
  EXPECT_EQ(drawn.actions, made.actions);
  EXPECT_EQ(drawn.log_probability, made.log_probability);
  EXPECT_EQ(drawn.rewards, made.rewards);
  EXPECT_EQ(drawn.ends, made.ends);
  EXPECT_EQ(drawn.version, made.version);
  EXPECT_EQ(drawn.uses, 1);
}

TEST(Buffer, PriorityGoesBeforeAgeAndCanChange) {
  BufferOptions by_priority = options();
  by_priority.order = BufferOrder::priority;
  Buffer buffer(by_priority);
  put_all(buffer, {1, 2, 3});
  buffer.set_priority(1, 0.5);
  buffer.set_priority(2, 2);
  buffer.set_priority(3, 1);
  buffer.set_priority(77, 9);  // not here: nothing happens
  EXPECT_EQ(ids(buffer.draw(2, 0)), (Ids{2, 3}));
}

TEST(Buffer, AmongEqualPrioritiesTheLeastUsedIsFirst) {
  BufferOptions by_priority = options();
  by_priority.order = BufferOrder::priority;
  by_priority.reuse = 2;
  Buffer buffer(by_priority);
  put_all(buffer, {1, 2, 3});
  for (const uint64_t id : {1, 2, 3}) buffer.set_priority(id, 1);
  EXPECT_EQ(ids(buffer.draw(2, 0)), (Ids{1, 2}));
  EXPECT_EQ(ids(buffer.draw(2, 0)), (Ids{3, 1}));
}

TEST(Buffer, IsUsedUpToItsLimitAndCoolsBetween) {
  BufferOptions twice = options();
  twice.reuse = 2;
  twice.cool_down = 2;
  Buffer buffer(twice);
  put_all(buffer, {0, 1, 2, 3});
  EXPECT_EQ(ids(buffer.draw(1, 0)), Ids{0});
  EXPECT_EQ(ids(buffer.draw(1, 0)), Ids{1});
  EXPECT_EQ(buffer.counts().cooling, 2u);
  EXPECT_EQ(ids(buffer.draw(1, 0)), Ids{2});  // two batches without 0 have passed
  const std::vector<Experience> again = buffer.draw(1, 0);
  EXPECT_EQ(ids(again), Ids{0});
  EXPECT_EQ(again[0].uses, 2);
  EXPECT_EQ(buffer.counts().used_up, 1u);
  EXPECT_FALSE(buffer.put(experience(0), start)) << "it was here";
}

TEST(Buffer, HasNoRoomForMoreThanItHoldsUnused) {
  Buffer buffer(options(3));
  EXPECT_EQ(buffer.room(), 3u);
  put_all(buffer, {0, 1});
  EXPECT_TRUE(buffer.put(unrewarded(2), start));
  EXPECT_EQ(buffer.room(), 0u);
  EXPECT_THROW(buffer.put(experience(3), start), Error);
  buffer.draw(1, 0);
  EXPECT_EQ(buffer.room(), 1u);
}

TEST(Buffer, WhatWasUsedGivesWayAndWhatWasNotStays) {
  BufferOptions often = options(3);
  often.reuse = 5;
  often.cool_down = 10;
  Buffer buffer(often);
  put_all(buffer, {0, 1, 2});
  EXPECT_EQ(ids(buffer.draw(2, 0)), (Ids{0, 1}));
  EXPECT_EQ(buffer.room(), 2u);
  put_all(buffer, {3, 4});
  EXPECT_EQ(buffer.room(), 0u);
  EXPECT_EQ(ids(buffer.draw(3, 0)), (Ids{2, 3, 4}));
  EXPECT_EQ(buffer.counts().evicted, 2u);
  EXPECT_EQ(buffer.counts().uses, (std::map<int, uint64_t>{{1, 2}}));
}

TEST(Buffer, WaitsForEveryReward) {
  Buffer buffer(options());
  buffer.put(unrewarded(5, 0, 2), start);
  EXPECT_EQ(buffer.ready(0), 0u);
  EXPECT_FALSE(buffer.reward(5, 2, 1)) << "no such step";
  EXPECT_FALSE(buffer.reward(5, -1, 1)) << "no such step";
  EXPECT_FALSE(buffer.reward(6, 0, 1)) << "no such experience";
  EXPECT_FALSE(buffer.reward(5, 0, awaited_reward)) << "no number";
  EXPECT_TRUE(buffer.reward(5, 1, 0.5F));
  EXPECT_FALSE(buffer.reward(5, 1, 0.5F)) << "twice";
  EXPECT_EQ(buffer.ready(0), 0u);
  EXPECT_TRUE(buffer.reward(5, 0, -1));
  EXPECT_EQ(buffer.draw(1, 0).at(0).rewards, (std::vector<float>{-1, 0.5F}));
}

TEST(Buffer, LetsGoWhoseRewardNeverComes) {
  Buffer buffer(options());
  buffer.put(unrewarded(1), start);
  buffer.put(unrewarded(2), start + Time(10));
  const Time overdue = start + BufferOptions().reward_limit;
  buffer.expire(overdue - Time(1));
  EXPECT_EQ(buffer.counts().waiting, 2u);
  buffer.expire(overdue);
  EXPECT_EQ(buffer.counts().unrewarded, 1u);
  EXPECT_FALSE(buffer.reward(1, 0, 1)) << "too late";
  EXPECT_TRUE(buffer.reward(2, 0, 1));
  buffer.expire(overdue + Time(100));
  EXPECT_EQ(buffer.counts().unrewarded, 1u);
}

TEST(Buffer, KeepsWhatDoesNotPassTheFilterOut) {
  BufferOptions filtering = options();
  filtering.filter = "reward > 0.5";
  Buffer buffer(filtering);
  buffer.put(unrewarded(1), start);
  buffer.put(unrewarded(2), start);
  buffer.reward(1, 0, 0);
  buffer.reward(2, 0, 1);
  EXPECT_EQ(buffer.counts().filtered, 1u);
  EXPECT_EQ(ids(buffer.draw(1, 0)), Ids{2});
  filtering.filter = "reward > ";
  EXPECT_THROW(Buffer{filtering}, Error);
}

TEST(Buffer, StalenessZeroIsOnPolicy) {
  Buffer buffer(options());
  buffer.put(experience(1, 4), start);
  buffer.put(experience(2, 5), start);
  EXPECT_EQ(buffer.ready(4), 2u);
  EXPECT_EQ(buffer.ready(5), 1u);
  EXPECT_EQ(ids(buffer.draw(1, 5)), Ids{2});
  EXPECT_EQ(buffer.counts().too_stale, 1u);
  EXPECT_EQ(buffer.counts().staleness, (std::map<uint64_t, uint64_t>{{0, 1}}));
}

TEST(Buffer, StaleOnesLeaveAlsoWithoutABatch) {
  BufferOptions bounded = options(2);
  bounded.most_staleness = 3;
  Buffer buffer(bounded);
  buffer.put(unrewarded(1, 1), start);
  buffer.put(experience(2, 2), start);
  EXPECT_EQ(buffer.room(), 0u);
  buffer.discard_stale(5);
  EXPECT_EQ(buffer.counts().too_stale, 1u);
  EXPECT_EQ(buffer.room(), 1u);
  EXPECT_EQ(ids(buffer.draw(1, 5)), Ids{2});
  EXPECT_EQ(buffer.counts().staleness, (std::map<uint64_t, uint64_t>{{3, 1}}));
}

TEST(Buffer, RefusesNumbersOutOfRange) {
  BufferOptions bad = options(0);
  EXPECT_THROW(Buffer{bad}, Error);
  bad = options();
  bad.reuse = 0;
  EXPECT_THROW(Buffer{bad}, Error);
  bad = options();
  bad.cool_down = -1;
  EXPECT_THROW(Buffer{bad}, Error);
}

}  // namespace
}  // namespace podium::learn
