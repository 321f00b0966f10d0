#include "ckpt/engine/schedule.hpp"

#include <algorithm>

#include "ckpt/engine/metas.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::ckpt::engine {
namespace {

constexpr std::array<Schedule, 3> plain_schedules = {Schedule::one, Schedule::two, Schedule::three};
// A trial is of at most so many rounds, and the trials together take at most a part of all rounds.
constexpr size_t most_rounds_per_trial = 8;
constexpr size_t least_share_of_rounds = 12;

// Buffers that a schedule keeps busy; of `automatic`, those of the widest.
Buffers wanted(Schedule schedule) {
  switch (schedule) {
    case Schedule::one:
      return {1, 1, 0};
    case Schedule::two:
      return {1, 2, 0};
    default:
      return {2, 2, 0};
  }
}

// The widest that `buffers` allow, at most `wish`.
Schedule widest(Schedule wish, const Buffers& buffers) {
  if (wish == Schedule::automatic) return buffers.ipc > 1 ? wish : Schedule::one;
  Schedule widest = Schedule::one;
  for (const Schedule schedule : plain_schedules) {
    if (schedule <= wish && buffers.allow(schedule)) widest = schedule;
  }
  return widest;
}

}  // namespace

const char* to_string(Schedule schedule) {
  constexpr std::array<const char*, 4> names = {"auto", "one", "two", "three"};
  return names[static_cast<size_t>(schedule)];
}

Schedule parse_schedule(std::string_view text) {
  for (const Schedule schedule :
       {Schedule::automatic, Schedule::one, Schedule::two, Schedule::three}) {
    if (text == to_string(schedule)) return schedule;
  }
  throw usage_error("'" + std::string(text) + "' is no schedule", "engine.schedule",
                    "use auto, one, two or three");
}

bool Buffers::allow(Schedule schedule) const {
  const Buffers least = wanted(schedule == Schedule::automatic ? Schedule::one : schedule);
  return h2d >= least.h2d && ipc >= least.ipc;
}

Fit fit(Schedule wish, uint64_t bucket_bytes, uint64_t memory_bytes) {
  Fit fit;
  fit.buffers = wanted(wish);
  fit.buffers.bucket_bytes = aligned(std::max(bucket_bytes, alignment_bytes));
  const auto fits = [&](const Buffers& buffers) {
    return memory_bytes == 0 || (buffers.h2d + buffers.ipc) * buffers.bucket_bytes <= memory_bytes;
  };
  if (!fits(fit.buffers) && fit.buffers.h2d > 1) fit.buffers.h2d = 1;
  if (!fits(fit.buffers) && fit.buffers.ipc > 1) fit.buffers.ipc = 1;
  if (!fits(fit.buffers)) {
    fit.buffers.bucket_bytes = memory_bytes / 2 / alignment_bytes * alignment_bytes;
    if (fit.buffers.bucket_bytes == 0) {
      throw usage_error("two buckets do not fit into " + std::to_string(memory_bytes) + " bytes",
                        "engine.memory", "allow at least 512 bytes");
    }
  }
  fit.schedule = widest(wish, fit.buffers);
  const Buffers best = wanted(wish);
  if (fit.buffers.h2d < best.h2d || fit.buffers.ipc < best.ipc) {
    fit.notice = format("schedule %s with buckets of %llu bytes, since only %llu bytes are allowed",
                        to_string(fit.buffers.ipc > 1 ? Schedule::two : Schedule::one),
                        static_cast<unsigned long long>(fit.buffers.bucket_bytes),
                        static_cast<unsigned long long>(memory_bytes));
  } else if (fit.buffers.bucket_bytes < aligned(bucket_bytes)) {
    fit.notice = format("buckets of %llu bytes, since only %llu bytes are allowed",
                        static_cast<unsigned long long>(fit.buffers.bucket_bytes),
                        static_cast<unsigned long long>(memory_bytes));
  }
  return fit;
}

AutoChoice::AutoChoice(Schedule wish, const Buffers& buffers, size_t rounds) : now_(wish) {
  if (wish != Schedule::automatic) return;
  for (const Schedule schedule : plain_schedules) {
    if (buffers.allow(schedule)) candidates_.at(candidate_count_++) = schedule;
  }
  rounds_per_trial_ = std::min(most_rounds_per_trial, rounds / least_share_of_rounds);
  now_ = candidates_.at(candidate_count_ - 1);
  if (rounds_per_trial_ == 0) return;  // too few rounds to learn from
  now_ = candidates_.front();
  rounds_left_ = rounds_per_trial_;
}

bool AutoChoice::ends_trial() const {
  return rounds_left_ == 1;
}

void AutoChoice::trial_took(uint64_t nanoseconds) {
  took_.at(candidate_) = nanoseconds;
}

void AutoChoice::next_round() {
  if (rounds_left_ == 0 || --rounds_left_ > 0) return;
  if (++candidate_ < candidate_count_) {
    now_ = candidates_.at(candidate_);
    rounds_left_ = rounds_per_trial_;
  } else {
    choose();
  }
}

void AutoChoice::choose() {
  const auto end = took_.begin() + static_cast<ptrdiff_t>(candidate_count_);
  now_ = candidates_.at(static_cast<size_t>(std::min_element(took_.begin(), end) - took_.begin()));
}

}  // namespace podium::ckpt::engine
