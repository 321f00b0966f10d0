// Who is let in, in which order requests wait, and when the others may come again.
#include "serve/balancer/admission.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace podium::serve {
namespace {

using namespace std::chrono_literals;

const SteadyClock::time_point start = SteadyClock::time_point() + 1h;

TEST(Turns, EqualPrioritiesComeInOrderAndTheDefaultIsInTheMiddle) {
  Turns turns;
  const uint64_t first = turns.take(3);
  EXPECT_LT(first, turns.take(3));
  EXPECT_EQ(Turns().take(0), Turns().take(5));
  EXPECT_EQ(Turns().take(200), Turns().take(9));
  EXPECT_LT(Turns().take(1), Turns().take(0));
  EXPECT_LT(Turns().take(0), Turns().take(9));
}

TEST(Turns, ALevelOvertakesSoManyAndNoMore) {
  Turns turns;
  const uint64_t usual = turns.take(0);
  for (uint64_t i = 1; i < Turns::overtaken; ++i) EXPECT_LT(turns.take(4), usual) << i;
  for (int i = 0; i < 3; ++i) turns.take(4);
  EXPECT_GT(turns.take(4), usual);
}

// One is served per two that arrive: the queue of urgent ones only grows.
TEST(Turns, AFloodOfUrgentRequestsLetsTheLeastUrgentThrough) {
  Turns turns;
  std::map<uint64_t, bool> queue;
  for (int i = 0; i < 10; ++i) queue[turns.take(1)] = false;
  queue[turns.take(9)] = true;
  size_t served = 0;
  while (!queue.begin()->second) {
    queue.erase(queue.begin());
    ASSERT_LE(++served, 10 + 8 * Turns::overtaken);
    for (int i = 0; i < 2; ++i) queue[turns.take(1)] = false;
  }
  EXPECT_GT(served, 10u) << "the urgent ones go first for a while";
}

void accept_waiting(Admission* admission, uint64_t id, uint8_t priority, size_t bytes) {
  admission->waiting().add(Side::current, admission->accept(priority, bytes), {id, bytes});
}

TEST(Admission, CountsRequestsAndBytes) {
  Admission two(2, 100, 10s);
  EXPECT_TRUE(two.ask(0, 100).admitted);
  EXPECT_FALSE(two.ask(0, 101).admitted);
  two.accept(0, 60);
  EXPECT_FALSE(two.ask(0, 41).admitted);
  two.accept(0, 40);
  EXPECT_FALSE(two.ask(0, 0).admitted);
  two.end(60, true, start);
  EXPECT_TRUE(two.ask(0, 60).admitted);
  EXPECT_EQ(two.accepted(), 1u);
  EXPECT_EQ(two.bytes(), 40u);
}

TEST(Admission, TheLeastUrgentThatWaitsGivesWayToAMoreUrgentOne) {
  Admission admission(4, 1000, 10s);
  admission.accept(9, 10);  // at a replica already: stays
  accept_waiting(&admission, 2, 9, 10);
  accept_waiting(&admission, 3, 0, 10);
  accept_waiting(&admission, 4, 9, 10);
  const Admission::Verdict urgent = admission.ask(1, 10);
  EXPECT_TRUE(urgent.admitted);
  EXPECT_EQ(urgent.instead, 4u) << "the last of those that are least urgent";
  EXPECT_FALSE(admission.ask(9, 10).admitted) << "an equal one does not push in";
  EXPECT_FALSE(admission.ask(1, 990).admitted) << "one goes for one";
}

TEST(Admission, WithNobodyWaitingTheNewcomerIsTurnedAway) {
  Admission admission(1, 1000, 10s);
  admission.accept(9, 10);
  EXPECT_FALSE(admission.ask(1, 10).admitted);
}

// The place of one that has waited long is safe from newcomers, however urgent.
TEST(Admission, WhoHasWaitedIsNotPushedOut) {
  Admission admission(2, 1000, 10s);
  accept_waiting(&admission, 1, 9, 10);
  const uint64_t turn = admission.waiting().first().first;
  for (uint64_t i = 0; i <= 8 * Turns::overtaken; ++i) {
    admission.accept(1, 10);
    admission.end(10, true, start);
  }
  accept_waiting(&admission, 2, 1, 10);
  EXPECT_LT(turn, admission.waiting().last().first);
  EXPECT_FALSE(admission.ask(1, 10).admitted);
}

TEST(Admission, RetryAfterFollowsTheQueueAndTheRate) {
  Admission admission(1000, 1000, 60s);
  EXPECT_EQ(admission.retry_after_s(start), 1) << "nothing is known yet";
  for (int i = 0; i < 500; ++i) admission.accept(0, 1);
  auto now = start;
  for (int i = 0; i < 400; ++i) {  // 20 a second
    admission.end(1, true, now += 50ms);
  }
  EXPECT_EQ(admission.accepted(), 100u);
  EXPECT_NEAR(admission.retry_after_s(now), 5, 1);
  for (int i = 0; i < 100; ++i) admission.end(1, false, now);
  EXPECT_EQ(admission.retry_after_s(now), 1);
}

TEST(Admission, RetryAfterIsNeverMoreThanTheTimeToAnswer) {
  Admission admission(1000, 1000, 2500ms);
  for (int i = 0; i < 900; ++i) admission.accept(0, 1);
  admission.end(1, true, start);
  EXPECT_EQ(admission.retry_after_s(start + 60s), 3);
}

TEST(WaitingLine, EachSideHasItsOrderAndBothHaveOne) {
  WaitingLine line;
  line.add(Side::trial, 30, {3, 0});
  line.add(Side::current, 20, {2, 0});
  line.add(Side::trial, 10, {1, 0});
  line.add(Side::current, 40, {4, 0});
  EXPECT_EQ(line.of(Side::current).begin()->second.id, 2u);
  EXPECT_EQ(line.of(Side::trial).begin()->second.id, 1u);
  EXPECT_EQ(line.first().second.id, 1u);
  EXPECT_EQ(line.last().second.id, 4u);
  line.remove(40);
  line.remove(10);
  EXPECT_EQ(line.size(), 2u);
  EXPECT_EQ(line.first().second.id, 2u);
  EXPECT_EQ(line.last().second.id, 3u);
}

TEST(WaitingLine, WhenATrialEndsAllAreInOneOrder) {
  WaitingLine line;
  for (uint64_t id = 1; id <= 6; ++id) {
    line.add(id % 2 == 0 ? Side::current : Side::trial, 10 * id, {id, 0});
  }
  line.sort([](uint64_t) { return Side::current; });
  EXPECT_TRUE(line.of(Side::trial).empty());
  uint64_t expected = 0;
  for (const auto& [turn, entry] : line.of(Side::current)) EXPECT_EQ(entry.id, ++expected);
  EXPECT_EQ(expected, 6u);
  line.sort([](uint64_t id) { return id > 4 ? Side::trial : Side::current; });
  EXPECT_EQ(line.of(Side::trial).size(), 2u);
  EXPECT_EQ(line.size(), 6u);
}

TEST(DrainRate, IsThatOfLate) {
  DrainRate rate;
  EXPECT_EQ(rate.per_second(start), 0);
  auto now = start;
  for (int i = 0; i < 100; ++i) rate.answered(now += 10ms);
  EXPECT_NEAR(rate.per_second(now), 100, 5) << "also after a second";
  for (int i = 0; i < 40; ++i) rate.answered(now += 1s);
  EXPECT_NEAR(rate.per_second(now), 1, 0.2);
  EXPECT_LT(rate.per_second(now + 60s), 0.01);
}

}  // namespace
}  // namespace podium::serve
