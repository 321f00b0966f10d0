// Ten thousand schedules of each mode, with durations, stragglers, deaths, restarts and rewards as
// a seed draws them: what pace.hpp promises holds in each, and a seed gives the same one again.
#include <gtest/gtest.h>

#include "learn/simulator.hpp"

namespace podium::learn {
namespace {

constexpr uint64_t seeds = 10'000;

// Settings that a seed draws, around the mode.
ScheduleOptions schedule_of(const std::string& name, uint64_t seed, bool calm = false) {
  Random random(seed, 0xcafeu);
  ScheduleOptions options;
  options.seed = seed;
  PaceOptions& pace = options.pace;
  pace.updates_per_batch = 1 + static_cast<int>(random.below(3));
  pace.mode = preset(name, pace.updates_per_batch);
  const auto updates = static_cast<uint64_t>(pace.updates_per_batch);
  options.explorers =
      (pace.mode.style == SyncStyle::turns ? 2 : 1) + static_cast<int>(random.below(5));
  if (name == "one_step_off_policy") {
    // And its neighbours: more batches ahead, longer intervals.
    pace.mode.sync_offset = 1 + static_cast<int>(random.below(2));
    pace.mode.sync_interval = 1 + static_cast<int>(random.below(3));
    pace.mode.most_staleness =
        updates * static_cast<uint64_t>(pace.mode.sync_offset + pace.mode.sync_interval - 1);
  }
  if (pace.mode.style != SyncStyle::meet) {
    pace.mode.sync_interval = 1 + static_cast<int>(random.below(3));
    pace.mode.most_staleness =
        updates * static_cast<uint64_t>(pace.mode.sync_interval) + random.below(4 * updates);
  }
  pace.rollout = 1 + static_cast<int>(random.below(3));
  pace.batch = pace.rollout * (1 + static_cast<int>(random.below(6)));
  pace.batches = 4 + random.below(8);
  const auto ahead = static_cast<size_t>(std::max(1, pace.mode.sync_offset));
  pace.capacity = static_cast<size_t>(pace.batch) * (ahead + random.below(6)) +
                  static_cast<size_t>(pace.rollout) - 1;
  options.buffer.capacity = pace.capacity;
  options.buffer.most_staleness = pace.mode.most_staleness;

  Lengths& lengths = options.lengths;
  lengths.rollout = 2 + 20 * random.uniform();
  lengths.train = 1 + 20 * random.uniform();
  lengths.publish = random.below(3) == 0 ? 40 * random.uniform() : random.uniform();
  lengths.take = random.below(4) == 0 ? 20 * random.uniform() : random.uniform();
  lengths.spread = random.uniform();
  lengths.tail_share = random.below(2) == 0 ? 0.1 : 0;
  lengths.tail_factor = 20;
  lengths.publishing_blocks = random.below(2) == 0;
  if (calm) return options;

  Troubles& troubles = options.troubles;
  troubles.late = static_cast<int>(random.below(3));
  if (random.below(2) == 0) troubles.death = 0.15 * random.uniform();
  troubles.away_ms = 60 * random.uniform();
  if (random.below(4) == 0) troubles.stop = 0.2;
  if (random.below(3) == 0) {
    troubles.awaited = 0.5;
    troubles.never = random.below(2) == 0 ? 0.2 : 0;
    troubles.reward_ms = 40 * random.uniform();
    options.buffer.reward_limit = std::chrono::milliseconds(60);
  }
  if (random.below(3) == 0) {
    troubles.bad = 0.3;
    options.buffer.filter = "reward>0";
  }
  return options;
}

// A schedule that went wrong, told from its beginning.
std::string story(ScheduleOptions options) {
  options.keep_log = true;
  ScheduleSimulator again(options);
  again.run();
  std::string told = "seed " + std::to_string(options.seed) + ", interval " +
                     std::to_string(options.pace.mode.sync_interval) + ", offset " +
                     std::to_string(options.pace.mode.sync_offset) + ", staleness " +
                     std::to_string(options.pace.mode.most_staleness) + ", updates " +
                     std::to_string(options.pace.updates_per_batch) + ", rollout " +
                     std::to_string(options.pace.rollout) + ", batch " +
                     std::to_string(options.pace.batch) + ", capacity " +
                     std::to_string(options.pace.capacity) + "\n";
  for (const std::string& line : again.log()) told += line + "\n";
  return told;
}

// What all schedules of a mode came to.
struct Sum {
  uint64_t batches = 0;
  uint64_t reordered = 0;
  uint64_t refused = 0;
  uint64_t stalest = 0;
  uint64_t of_bound = 0;  // schedules whose bound was reached
  BufferCounts buffer;

  void add(const ScheduleOptions& options, const ScheduleReport& report) {
    batches += report.batches;
    reordered += report.reordered;
    refused += report.refused;
    buffer.filtered += report.buffer.filtered;
    buffer.unrewarded += report.buffer.unrewarded;
    buffer.too_stale += report.buffer.too_stale;
    if (report.buffer.staleness.empty()) return;
    const uint64_t most = report.buffer.staleness.rbegin()->first;
    stalest = std::max(stalest, most);
    if (most == options.pace.mode.most_staleness) ++of_bound;
  }
};

void run_all(const std::string& name, void (*change)(ScheduleOptions&), Sum& sum) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    ScheduleOptions options = schedule_of(name, seed);
    change(options);
    check(options.pace.mode, options.explorers, options.pace.updates_per_batch,
          options.buffer.reuse);
    ScheduleSimulator simulator(options);
    simulator.run();
    sum.add(options, simulator.report());
    ASSERT_TRUE(simulator.wrong().empty()) << simulator.wrong()[0] << "\n" << story(options);
  }
}

void as_drawn(ScheduleOptions& /*options*/) {}

class Modes : public testing::TestWithParam<const char*> {};

TEST_P(Modes, KeepTheirPromises) {
  Sum sum;
  run_all(GetParam(), as_drawn, sum);
  // It is not that nothing ever happened.
  EXPECT_GT(sum.batches, 4 * seeds);
  EXPECT_GT(sum.reordered, seeds / 10);
  EXPECT_GT(sum.refused, seeds / 100);
  EXPECT_GT(sum.buffer.filtered, seeds);
  EXPECT_GT(sum.buffer.unrewarded, seeds / 10);
  EXPECT_GT(sum.of_bound, seeds / 4);
  if (std::string(GetParam()) == "synchronous") {
    EXPECT_EQ(sum.stalest, 0u);
  }
}

TEST_P(Modes, ASeedGivesTheSameSchedule) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    ScheduleSimulator once(schedule_of(GetParam(), seed));
    ScheduleSimulator again(schedule_of(GetParam(), seed));
    ScheduleSimulator other(schedule_of(GetParam(), seed + 1));
    once.run();
    again.run();
    other.run();
    EXPECT_EQ(once.report().hash, again.report().hash);
    EXPECT_EQ(once.report().ms, again.report().ms);
    EXPECT_NE(once.report().hash, other.report().hash);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Modes,
                         testing::Values("synchronous", "one_step_off_policy", "fully_async",
                                         "multi_explorer"),
                         [](const auto& name) { return std::string(name.param); });

// Nobody waits for staleness; what is too old is dropped, counted, and explored anew.
TEST(Discard, DropsWhatIsTooOldAndOrdersItAnew) {
  Sum sum;
  run_all(
      "fully_async", [](ScheduleOptions& o) { o.pace.mode.overage = Overage::discard; }, sum);
  EXPECT_GT(sum.buffer.too_stale, seeds);
}

// An experience may be in several batches, after a rest, the likeliest first.
TEST(Reuse, StaysWithinItsLimit) {
  Sum sum;
  run_all(
      "fully_async",
      [](ScheduleOptions& o) {
        o.buffer.reuse = 1 + static_cast<int>(o.seed % 3);
        const int later_uses = o.buffer.reuse - 1;
        o.pace.mode.most_staleness += static_cast<uint64_t>(o.pace.updates_per_batch * later_uses);
        o.buffer.most_staleness = o.pace.mode.most_staleness;
        o.buffer.cool_down = static_cast<int>(o.seed % 2);
        if (o.seed % 5 == 0) o.buffer.order = BufferOrder::priority;
      },
      sum);
  EXPECT_GT(sum.batches, 4 * seeds);
}

// Milliseconds of a batch of eight rollouts by four explorers, when nothing goes wrong.
double batch_ms(const char* mode, const Lengths& lengths, uint64_t batches) {
  ScheduleOptions options;
  options.seed = 7;
  options.pace.mode = preset(mode, 1);
  options.pace.batch = 8;
  options.pace.rollout = 1;
  options.pace.batches = batches;
  options.buffer.most_staleness = options.pace.mode.most_staleness;
  options.explorers = 4;
  options.lengths = lengths;
  ScheduleSimulator simulator(options);
  simulator.run();
  EXPECT_TRUE(simulator.wrong().empty());
  return simulator.report().ms / static_cast<double>(batches);
}

double gain(const char* mode, const Lengths& lengths, uint64_t batches = 1000) {
  return batch_ms("synchronous", lengths, batches) / batch_ms(mode, lengths, batches);
}

// Rollouts as dear as training, and weights that take little: nearly twice as fast.
TEST(Gains, EvenRolloutsOverlapWithTraining) {
  const Lengths even{
      .rollout = 50, .train = 100, .publish = 0.5, .take = 0.5, .publishing_blocks = true};
  EXPECT_NEAR(gain("one_step_off_policy", even), 201.0 / 101.0, 0.02);
  EXPECT_GT(gain("fully_async", even), 0.95 * 2);
  EXPECT_GT(gain("multi_explorer", even), 0.95 * 2);
}

// One rollout of twenty takes ten times as long, and training is cheap: who meets after each batch
// waits for the longest one, ahead or not.
TEST(Gains, OneStepAheadGainsLittleOnLongTailsAndFreeExplorersMuch) {
  Lengths tails{.rollout = 50, .train = 30, .publish = 0.5, .take = 0.5, .publishing_blocks = true};
  tails.tail_share = 0.05;
  tails.tail_factor = 10;
  RecordProperty("one_step", std::to_string(gain("one_step_off_policy", tails)));
  RecordProperty("free", std::to_string(gain("fully_async", tails)));
  EXPECT_LT(gain("one_step_off_policy", tails), 1.2);
  EXPECT_GT(gain("fully_async", tails), 1.5);
  EXPECT_GT(gain("multi_explorer", tails), 1.5);
}

// However long it takes: explorers that stop for weights, and trainers that stop to publish them,
// are never slower than both sides that wait for each other.
TEST(Gains, PausesForWeightsNeverMakeAsynchronousModesSlower) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed, 0xbeefu);
    Lengths lengths{.rollout = 1 + 60 * random.uniform(),
                    .train = 1 + 120 * random.uniform(),
                    .publish = 60 * random.uniform(),
                    .take = 30 * random.uniform(),
                    .publishing_blocks = random.below(2) == 0};
    for (const char* mode : {"one_step_off_policy", "fully_async"}) {
      EXPECT_GE(gain(mode, lengths, 100), 0.99)
          << mode << ", rollout " << lengths.rollout << ", train " << lengths.train << ", publish "
          << lengths.publish << ", take " << lengths.take;
    }
  }
}

}  // namespace
}  // namespace podium::learn
