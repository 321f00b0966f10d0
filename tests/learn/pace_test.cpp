// The machine of all modes, order by order: who begins what with which weights, who waits for whom.
// Thousands of schedules are in simulation_test.cpp.
#include "learn/pace.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace podium::learn {

void PrintTo(const Order& order, std::ostream* out) {
  *out << describe(order);
}

namespace {

using What = Order::What;

PaceOptions options_of(const ModeSettings& mode, uint64_t batches = 0) {
  PaceOptions options;
  options.mode = mode;
  options.batch = 4;
  options.rollout = 2;  // two rollouts a batch
  options.updates_per_batch = 3;
  options.batches = batches;
  return options;
}
PaceOptions options_of(const char* name, uint64_t batches = 0) {
  return options_of(preset(name, 3), batches);
}

Order take(int explorer, const Version& version) {
  return {.what = What::take, .explorer = explorer, .version = version};
}
Order explore(int explorer, uint64_t rollout, uint64_t batch, const Version& version) {
  return {.explorer = explorer, .rollout = rollout, .batch = batch, .version = version};
}
Order train(uint64_t batch) {
  return {.what = What::train, .batch = batch};
}
Order publish(const Version& version) {
  return {.what = What::publish, .version = version};
}
Orders orders(std::initializer_list<Order> list) {
  return list;
}

constexpr Version v0{0, 0};
constexpr Version v1{1, 3};
constexpr Version v2{2, 6};

// A buffer that counts.
struct Counting {
  size_t ready = 0;
  Holdings put(size_t count) {
    ready += count;
    return now();
  }
  Holdings draw(size_t count) {
    ready -= count;
    return now();
  }
  Holdings now() const { return {ready, 0, 100 - ready}; }
};

TEST(Pace, SynchronousSidesWaitForEachOther) {
  Pace pace(options_of("synchronous", 2));
  Counting buffer;
  pace.buffered(buffer.now());
  EXPECT_EQ(pace.explorer_came(0), orders({take(0, v0)}));
  EXPECT_EQ(pace.explorer_came(1), orders({take(1, v0)}));
  EXPECT_EQ(pace.taken(0, v0), orders({explore(0, 0, 0, v0)}));
  EXPECT_EQ(pace.trainers_waiting(), Waiting::meeting);  // 1 has no weights yet
  EXPECT_EQ(pace.taken(1, v0), orders({explore(1, 1, 0, v0)}));
  EXPECT_EQ(pace.trainers_waiting(), Waiting::experiences);
  EXPECT_EQ(pace.explored(1, 1, buffer.put(2)), orders({}));
  EXPECT_EQ(pace.waiting(1), Waiting::meeting);
  EXPECT_EQ(pace.explored(0, 0, buffer.put(2)), orders({train(0)}));
  EXPECT_EQ(pace.buffered(buffer.draw(4)), orders({}));
  EXPECT_EQ(pace.waiting(0), Waiting::meeting);
  EXPECT_EQ(pace.trained(0), orders({publish(v1)}));
  EXPECT_EQ(pace.trainers_waiting(), Waiting::weights);
  EXPECT_EQ(pace.published(v1), orders({take(1, v1), take(0, v1)}));
  EXPECT_EQ(pace.taken(1, v1), orders({explore(1, 2, 1, v1)}));
  EXPECT_EQ(pace.taken(0, v1), orders({explore(0, 3, 1, v1)}));
  pace.explored(0, 3, buffer.put(2));
  EXPECT_EQ(pace.explored(1, 2, buffer.put(2)), orders({train(1)}));
  EXPECT_EQ(pace.trained(1), orders({Order{.what = What::end}}));
  EXPECT_TRUE(pace.ended());
}

TEST(Pace, OneStepAheadTheNextBatchIsExploredWhileOneIsTrainedOn) {
  Pace pace(options_of("one_step_off_policy"));
  Counting buffer;
  pace.buffered(buffer.now());
  pace.explorer_came(0);
  EXPECT_EQ(pace.taken(0, v0), orders({explore(0, 0, 0, v0)}));
  EXPECT_EQ(pace.explored(0, 0, buffer.put(2)), orders({explore(0, 1, 0, v0)}));
  EXPECT_EQ(pace.explored(0, 1, buffer.put(2)), orders({train(0), explore(0, 2, 1, v0)}));
  pace.buffered(buffer.draw(4));
  EXPECT_EQ(pace.trained(0), orders({publish(v1)}));
  EXPECT_EQ(pace.published(v1), orders({}));
  EXPECT_EQ(pace.trainers_waiting(), Waiting::meeting);  // batch 1 is explored by v0
  EXPECT_EQ(pace.explored(0, 2, buffer.put(2)), orders({explore(0, 3, 1, v0)}));
  EXPECT_EQ(pace.explored(0, 3, buffer.put(2)), orders({take(0, v1)}));
  EXPECT_EQ(pace.taken(0, v1), orders({train(1), explore(0, 4, 2, v1)}));
}

TEST(Pace, VersionsFollowIntervalAndOffset) {
  ModeSettings mode;
  mode.sync_interval = 3;
  mode.sync_offset = 2;
  mode.most_staleness = 12;
  const Pace pace(options_of(mode));
  const uint64_t expected[] = {0, 0, 0, 0, 0, 1, 1, 1, 2};
  for (uint64_t batch = 0; batch < 9; ++batch) {
    EXPECT_EQ(pace.version_of(batch), expected[batch]) << batch;
  }
}

TEST(Pace, FreeExplorersGoOnAsFarAsTheBoundAllows) {
  ModeSettings mode = preset("fully_async", 3);
  mode.most_staleness = 5;  // a batch and two updates
  Pace pace(options_of(mode));
  Counting buffer;
  pace.buffered(buffer.now());
  pace.explorer_came(0);
  EXPECT_EQ(pace.taken(0, v0), orders({explore(0, 0, 0, v0)}));
  pace.explored(0, 0, buffer.put(2));
  EXPECT_EQ(pace.explored(0, 1, buffer.put(2)), orders({train(0), explore(0, 2, 1, v0)}));
  pace.buffered(buffer.draw(4));
  EXPECT_EQ(pace.explored(0, 2, buffer.put(2)), orders({explore(0, 3, 1, v0)}));
  EXPECT_EQ(pace.explored(0, 3, buffer.put(2)), orders({}));  // batch 2 comes after 6 updates
  EXPECT_EQ(pace.waiting(0), Waiting::room);
  EXPECT_EQ(pace.trained(0), orders({publish(v1), train(1)}));  // and waits for nobody
  pace.buffered(buffer.draw(4));
  EXPECT_EQ(pace.published(v1), orders({take(0, v1)}));
  EXPECT_EQ(pace.taken(0, v1), orders({explore(0, 4, 2, v1)}));
}

TEST(Pace, ABatchWaitsForTheRolloutThatWouldBecomeTooStale) {
  ModeSettings mode = preset("fully_async", 3);
  mode.most_staleness = 3;
  Pace pace(options_of(mode));
  Counting buffer;
  pace.buffered(buffer.now());
  pace.explorer_came(0);
  pace.explorer_came(1);
  pace.taken(0, v0);
  pace.taken(1, v0);  // both explore; explorer 1 is slow
  pace.explored(0, 0, buffer.put(2));
  EXPECT_EQ(pace.explored(0, 2, buffer.put(2)), orders({train(0), explore(0, 3, 1, v0)}));
  pace.buffered(buffer.draw(4));
  EXPECT_EQ(pace.trained(0), orders({publish(v1)}));
  pace.published(v1);
  EXPECT_EQ(pace.explored(0, 3, buffer.put(2)), orders({take(0, v1)}));
  EXPECT_EQ(pace.taken(0, v1), orders({explore(0, 4, 2, v1)}));
  EXPECT_EQ(pace.explored(0, 4, buffer.put(2)), orders({explore(0, 5, 2, v1)}));
  EXPECT_EQ(pace.trainers_waiting(), Waiting::experiences);  // four are ready, but
  EXPECT_EQ(pace.explored(1, 1, buffer.put(2)), orders({train(1), take(1, v1)}));
}

TEST(Pace, WeightsAreTakenInTurns) {
  Pace pace(options_of("multi_explorer"));
  Counting buffer;
  pace.buffered(buffer.now());
  EXPECT_EQ(pace.explorer_came(0), orders({take(0, v0)}));
  EXPECT_EQ(pace.explorer_came(1), orders({}));
  EXPECT_EQ(pace.waiting(1), Waiting::weights);
  EXPECT_EQ(pace.taken(0, v0), orders({explore(0, 0, 0, v0), take(1, v0)}));
  pace.taken(1, v0);
  pace.explored(0, 0, buffer.put(2));
  EXPECT_EQ(pace.explored(0, 2, buffer.put(2)), orders({train(0), explore(0, 3, 1, v0)}));
  pace.buffered(buffer.draw(4));
  pace.trained(0);
  pace.published(v1);
  EXPECT_EQ(pace.explored(0, 3, buffer.put(2)), orders({take(0, v1)}));
  // Explorer 0 is taking, so 1 goes on with what it has.
  const Orders next = pace.explored(1, 1, buffer.put(2));
  EXPECT_EQ(next, orders({train(1), explore(1, 4, 2, v0)}));
}

TEST(Pace, ALostRolloutIsOrderedOfAnotherAndThenNotExpectedOfTheFirst) {
  Pace pace(options_of("synchronous"));
  Counting buffer;
  pace.buffered(buffer.now());
  for (const int explorer : {0, 1}) pace.explorer_came(explorer);
  for (const int explorer : {0, 1}) pace.taken(explorer, v0);
  EXPECT_TRUE(pace.expects(0, 0));
  EXPECT_EQ(pace.explorer_left(0), orders({}));
  EXPECT_FALSE(pace.expects(0, 0));
  EXPECT_EQ(pace.explored(1, 1, buffer.put(2)), orders({explore(1, 0, 0, v0)}));
  EXPECT_FALSE(pace.expects(0, 0));
  EXPECT_TRUE(pace.expects(1, 0));
  EXPECT_THROW(pace.explored(0, 0, buffer.now()), Error);
}

TEST(Pace, WhatTheBufferDroppedIsExploredAgain) {
  Pace pace(options_of("synchronous"));
  Counting buffer;
  pace.buffered(buffer.now());
  pace.explorer_came(0);
  pace.taken(0, v0);
  pace.explored(0, 0, buffer.put(2));
  EXPECT_EQ(pace.explored(0, 1, buffer.put(1)), orders({explore(0, 2, 0, v0)}));
  EXPECT_EQ(pace.explored(0, 2, buffer.put(2)), orders({train(0)}));
}

TEST(Pace, AFullBufferStopsNewRollouts) {
  PaceOptions options = options_of("fully_async");
  options.capacity = 5;
  Pace pace(options);
  pace.buffered({0, 0, 4});
  for (const int explorer : {0, 1, 2}) pace.explorer_came(explorer);
  for (const int explorer : {0, 1}) pace.taken(explorer, v0);
  EXPECT_EQ(pace.taken(2, v0), orders({}));  // the two under way will fill it
  EXPECT_EQ(pace.waiting(2), Waiting::room);
  pace.explored(0, 0, {2, 0, 2});
  EXPECT_EQ(pace.explored(1, 1, {4, 0, 0}), orders({train(0)}));
  EXPECT_EQ(pace.buffered({0, 0, 4}).size(), 2u);
}

TEST(Pace, GoesOnWhereACheckpointLeftOff) {
  Pace pace(options_of("one_step_off_policy", 3), {.trained = 2, .next_rollout = 7, .newest = v2});
  EXPECT_EQ(pace.updates(), 6u);
  pace.buffered({2, 0, 50});
  EXPECT_EQ(pace.explorer_came(0), orders({take(0, v2)}));
  // One more rollout and the last batch is whole. Its own version is gone: the newest explores it.
  EXPECT_EQ(pace.taken(0, v2), orders({explore(0, 7, 2, v2)}));
  EXPECT_EQ(pace.explored(0, 7, {4, 0, 48}), orders({train(2)}));
  EXPECT_EQ(pace.trained(2), orders({Order{.what = What::end}}));
}

TEST(Pace, SizesThatDoNotFitAreRefused) {
  PaceOptions options = options_of("one_step_off_policy");
  options.rollout = 3;
  EXPECT_THROW(Pace{options}, Error);
  options.rollout = 2;
  options.capacity = 4;  // a filter may leave three of two rollouts
  EXPECT_THROW(Pace{options}, Error);
}

}  // namespace
}  // namespace podium::learn
