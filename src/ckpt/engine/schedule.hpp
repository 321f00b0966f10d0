// Schedule: which stages of an update run at the same time, and what memory that takes.
//
//   one     H2D, then broadcast, then reload, nothing at the same time
//   two     broadcast beside reload: two IPC buffers
//   three   H2D of the next round beside both: two H2D buffers, too
// as in the report on Kimi K2 (Moonshot AI, 2025). `automatic` measures the first rounds and goes
// on with the fastest of those that the memory allows. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace podium::ckpt::engine {

enum class Schedule { automatic, one, two, three };

const char* to_string(Schedule schedule);
// "auto", "one", "two" or "three"; throws usage_error.
Schedule parse_schedule(std::string_view text);

// The buffers of a rank, each of the size of a bucket.
struct Buffers {
  size_t h2d = 2;
  size_t ipc = 2;
  uint64_t bucket_bytes = 0;

  bool allow(Schedule schedule) const;
};

struct Fit {
  Buffers buffers;
  Schedule schedule = Schedule::automatic;  // what of the wish is left
  std::string notice;                       // empty, or what was given up for lack of memory
};

// The buffers for `wish` within `memory_bytes` (0: no limit): first fewer buffers, then smaller
// ones. Throws usage_error where not even two buckets of 256 bytes fit.
Fit fit(Schedule wish, uint64_t bucket_bytes, uint64_t memory_bytes);

// Chooses among schedules by their rounds. REQUIRES: every rank is told the same.
class AutoChoice {
 public:
  // `rounds` of one update, on buffers that allow at least `one`.
  AutoChoice(Schedule wish, const Buffers& buffers, size_t rounds);

  // What round `round` runs by.
  Schedule now() const { return now_; }
  // Whether a measurement ends with the round under way: its stages must all have ended then.
  bool ends_trial() const;
  // The trial took `nanoseconds`, on the slowest rank.
  void trial_took(uint64_t nanoseconds);
  void next_round();

 private:
  void choose();

  Schedule now_;
  std::array<Schedule, 3> candidates_{};
  std::array<uint64_t, 3> took_{};
  size_t candidate_count_ = 0;
  size_t candidate_ = 0;
  size_t rounds_per_trial_ = 0;
  size_t rounds_left_ = 0;  // of the trial; 0: chosen
};

}  // namespace podium::ckpt::engine
