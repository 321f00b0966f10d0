#include "bench/learn_table.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "learn/simulator.hpp"

namespace podium::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t simulated_batches = 2000;
constexpr const char* base_mode = "synchronous";

const LearnRow& base_of(const std::vector<LearnRow>& rows, const LearnRow& row) {
  const auto base = std::ranges::find_if(rows, [&](const LearnRow& other) {
    return other.mode == base_mode && other.rollouts == row.rollouts;
  });
  require(base != rows.end(), "the synchronous mode is measured too", "bench learn");
  return *base;
}

double share_of_best(const std::vector<LearnRow>& rows, const LearnRow& row) {
  return speed_up(rows, row) / best_speed_up(rows, row);
}

double expected_speed_up(const std::vector<LearnRow>& rows, const LearnRow& row) {
  return row.expected_s > 0 ? base_of(rows, row).expected_s / row.expected_s : 0;
}

}  // namespace

void LearnRow::add(const LearnMeasurement& measured) {
  const learn::ModeProfile& profile = measured.profile;
  batch_s.add(profile.batch_s);
  rollout_s.add(profile.rollout_s);
  train_s.add(profile.train_s);
  sync_s.add(profile.sync_s);
  utilisation.add(profile.utilisation);
  bubble.add(profile.bubble);
  wake_up_s.add(profile.wake_up_s);
  staleness_mean.add(measured.staleness_mean);
  staleness_max = std::max(staleness_max, measured.staleness_max);
}

double speed_up(const std::vector<LearnRow>& rows, const LearnRow& row) {
  return base_of(rows, row).batch_s.median() / row.batch_s.median();
}

double best_speed_up(const std::vector<LearnRow>& rows, const LearnRow& row) {
  const LearnRow& base = base_of(rows, row);
  return learn::best_speed_up({base.rollout_s.median(), base.train_s.median(), base.sync_s.median(),
                               row.explorers, base.batch_s.median()});
}

double expected_batch_s(const learn::PaceOptions& pace, int explorers,
                        const learn::StepTimes& times, const learn::ModeProfile& parts) {
  learn::ScheduleOptions options;
  options.seed = 1;
  options.pace = pace;
  options.pace.batches = simulated_batches;
  options.pace.capacity = 0;
  options.buffer.most_staleness = pace.mode.most_staleness;
  options.explorers = explorers;
  learn::Lengths& lengths = options.lengths;
  lengths.rollout = parts.rollout_s * 1000 * pace.rollout / pace.batch;
  lengths.train = parts.train_s * 1000;
  lengths.publish = lengths.take = parts.sync_s * 1000 / 2;
  lengths.publishing_blocks = true;
  if (times.tail == learn::StepTimes::Tail::one_in) {
    lengths.tail_share = 1.0 / times.one_in;
    lengths.tail_factor = times.times;
    lengths.rollout /= 1 + (times.times - 1) / times.one_in;
  }
  learn::ScheduleSimulator simulator(options);
  simulator.run();
  require(simulator.wrong().empty(), "a schedule keeps its promises", "bench learn");
  return simulator.report().ms / 1000 / static_cast<double>(simulated_batches);
}

std::string to_text(const std::vector<LearnRow>& rows) {
  std::string text = format("%-12s %-20s %9s %7s %9s %6s %6s %9s %6s %7s %13s %9s\n", "rollouts",
                            "mode", "ms/batch", "spread", "speed-up", "best", "share", "expected",
                            "busy", "bubble", "staleness", "wake-up");
  for (const LearnRow& row : rows) {
    const double expected = expected_speed_up(rows, row);
    const double wake_up_ms = row.wake_up_s.median() * 1000;
    text += format(
        "%-12s %-20s %9.1f %6.0f%% %9.2f %6.2f %5.0f%% %9s %5.0f%% %6.0f%% %7.1f/%-5llu %9s\n",
        row.rollouts.c_str(), row.mode.c_str(), row.batch_s.median() * 1000,
        100 * row.batch_s.spread(), speed_up(rows, row), best_speed_up(rows, row),
        100 * share_of_best(rows, row), expected > 0 ? format("%.2f", expected).c_str() : "-",
        100 * row.utilisation.median(), 100 * row.bubble.median(), row.staleness_mean.median(),
        static_cast<unsigned long long>(row.staleness_max),
        wake_up_ms > 0 ? format("%.2f ms", wake_up_ms).c_str() : "-");
  }
  text +=
      "\nbest: what the synchronous mode's parts allow; expected: speed-up by the simulator of "
      "schedules;\nbusy: share of all time in rollouts and training; staleness: updates, mean "
      "and largest\n";
  for (const LearnRow& row : rows) {
    if (row.mode != base_mode) continue;
    text += format(
        "%s parts of a batch: rollouts %.1f ms / %d explorers, training %.1f ms, weights %.1f ms\n",
        row.rollouts.c_str(), row.rollout_s.median() * 1000, row.explorers,
        row.train_s.median() * 1000, row.sync_s.median() * 1000);
  }
  return text;
}

Json to_json(const std::vector<LearnRow>& rows) {
  Json list = Json::array();
  for (const LearnRow& row : rows) {
    const double ours = 1 / row.batch_s.median();
    const double theirs = 1 / base_of(rows, row).batch_s.median();
    list.push_back(
        {{"what", row.mode + (row.rollouts.empty() ? "" : ", " + row.rollouts + " rollouts")},
         {"unit", "batches/s"},
         {"ours", ours},
         {"spread", row.batch_s.spread()},
         {"theirs", theirs},
         {"ratio", ours / theirs},
         {"limit", theirs * best_speed_up(rows, row)},
         {"rollouts", row.rollouts},
         {"mode", row.mode},
         {"share_of_best", share_of_best(rows, row)},
         {"expected_speed_up", expected_speed_up(rows, row)},
         {"explorers", row.explorers},
         {"rollout_s", row.rollout_s.median()},
         {"train_s", row.train_s.median()},
         {"sync_s", row.sync_s.median()},
         {"utilisation", row.utilisation.median()},
         {"bubble", row.bubble.median()},
         {"wake_up_ms", row.wake_up_s.median() * 1000},
         {"staleness_mean", row.staleness_mean.median()},
         {"staleness_max", row.staleness_max}});
  }
  return list;
}

}  // namespace podium::bench
