#include "learn/desk.hpp"

#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

constexpr int rollout_size = 2;

DeskOptions options(const char* mode = "synchronous") {
  DeskOptions options;
  options.pace.mode = preset(mode, 1);
  options.pace.batch = 4;
  options.pace.rollout = rollout_size;
  options.pace.batches = 3;
  options.pace.capacity = options.buffer.capacity = 8;
  options.buffer.most_staleness = options.pace.mode.most_staleness;
  options.window = 3;
  return options;
}

Explored made(uint64_t rollout, const Version& version, std::vector<double> returns = {}) {
  Explored explored{rollout, {}, std::move(returns)};
  for (uint64_t place = 0; place < rollout_size; ++place) {
    Experience one;
    one.id = rollout * rollout_size + place;
    one.rollout = rollout;
    one.version = version;
    one.observations.resize(2);
    one.actions = {0};
    one.log_probability = {-1};
    one.rewards = {1};
    one.ends = {Ending::terminal};
    explored.experiences.push_back(std::move(one));
  }
  return explored;
}

// An explorer that does at once what it is ordered, up to `most` rollouts.
void obey(Desk& desk, int most = 1000) {
  for (Orders orders = desk.take_orders(); !orders.empty(); orders = desk.take_orders()) {
    for (const Order& order : orders) {
      if (order.what == Order::What::take) desk.taken(order.explorer, order.version);
      if (order.what == Order::What::explore && most-- > 0) {
        EXPECT_TRUE(desk.explored(order.explorer, made(order.rollout, order.version), 0ms));
      }
    }
  }
}

// Trains on what there is; returns how many batches that were.
int train(Desk& desk) {
  int batches = 0;
  for (auto task = desk.next_task(0ms); task && task->what != Task::What::end;
       task = desk.next_task(0ms)) {
    if (task->what == Task::What::publish) {
      desk.published(task->version);
    } else {
      EXPECT_EQ(task->experiences.size(), 4u);
      desk.trained(task->batch);
      ++batches;
    }
    obey(desk);
  }
  return batches;
}

TEST(Desk, LeadsABatchFromExplorersToTrainers) {
  Desk desk(options());
  EXPECT_FALSE(desk.next_task(0ms));
  desk.explorer_came(0);
  obey(desk);
  EXPECT_EQ(train(desk), 3);
  EXPECT_EQ(desk.next_task(0ms)->what, Task::What::end);
  EXPECT_EQ(desk.next_task(0ms)->what, Task::What::end) << "for whoever asks again";
  const DeskReport report = desk.report();
  EXPECT_EQ(report.trained_steps, 12u);
  EXPECT_EQ(report.rollouts, 6u);
  EXPECT_EQ(report.buffer.used_up, 12u);
}

TEST(Desk, OrdersWhatALostExplorerHadOfAnother) {
  Desk desk(options());
  desk.explorer_came(0);
  obey(desk, 0);
  EXPECT_TRUE(desk.take_orders().empty());
  desk.explorer_left(0);
  EXPECT_EQ(desk.report().lost, 1u);
  desk.explorer_came(1);
  obey(desk);
  EXPECT_EQ(train(desk), 3);
  EXPECT_EQ(desk.report().rollouts, 6u);
}

TEST(Desk, TakesNothingThatWasNotOrdered) {
  Desk desk(options());
  desk.explorer_came(0);
  const Orders takes = desk.take_orders();
  ASSERT_EQ(takes.size(), 1u);
  desk.taken(0, takes[0].version);
  const Orders orders = desk.take_orders();
  ASSERT_EQ(orders.size(), 1u);
  const uint64_t rollout = orders[0].rollout;
  EXPECT_FALSE(desk.explored(0, made(rollout + 1, {}), 0ms));
  EXPECT_FALSE(desk.explored(1, made(rollout, {}), 0ms));
  Explored half = made(rollout, {});
  half.experiences.pop_back();
  EXPECT_FALSE(desk.explored(0, std::move(half), 0ms));
  EXPECT_TRUE(desk.explored(0, made(rollout, {}), 0ms));
  EXPECT_FALSE(desk.explored(0, made(rollout, {}), 0ms)) << "a second time";
  EXPECT_EQ(desk.report().buffer.put, 2u);
}

TEST(Desk, AveragesTheLastReturns) {
  Desk desk(options());
  desk.explorer_came(0);
  desk.taken(0, desk.take_orders().at(0).version);
  desk.explored(0, made(desk.take_orders().at(0).rollout, {}, {1, 2}), 0ms);
  EXPECT_FALSE(desk.report().window_full);
  desk.explored(0, made(desk.take_orders().at(0).rollout, {}, {4, 6}), 0ms);
  EXPECT_TRUE(desk.report().window_full);
  EXPECT_EQ(desk.report().mean_return, 4) << "of 2, 4 and 6";
  EXPECT_EQ(desk.report().episodes, 4u);
}

TEST(Desk, GoesOnFromWhatWasSaved) {
  const test::TemporaryFolder folder;
  for (const char* mode : {"synchronous", "one_step_off_policy", "fully_async"}) {
    Desk desk(options(mode));
    desk.explorer_came(0);
    obey(desk, 3);  // another one is under way
    auto task = desk.next_task(0ms);
    ASSERT_TRUE(task);
    desk.trained(task->batch);
    desk.save(folder.path(), 0ms);
    const DeskReport before = desk.report();

    Desk again(options(mode));
    again.load(folder.path(), 0ms);
    EXPECT_EQ(again.updates(), 1u);
    EXPECT_EQ(again.report().rollouts, before.rollouts);
    EXPECT_EQ(again.report().buffer.ready, before.buffer.ready);
    again.explorer_came(0);
    obey(again);
    EXPECT_EQ(train(again), 2) << mode;
    EXPECT_EQ(again.report().trained_steps, 12u) << mode;
  }
}

}  // namespace
}  // namespace podium::learn
