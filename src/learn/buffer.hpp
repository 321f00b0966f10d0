// Buffer: experiences between those who make them and those who learn from them.
//
// Every experience that was put in is either drawn, up to `reuse` times, or leaves for a reason
// that is counted: filtered, too stale, its reward never came. Pure of threads and clocks: time is
// told.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "learn/experience.hpp"

namespace podium::learn {

enum class BufferOrder { fifo, priority };

struct BufferOptions {
  BufferOrder order = BufferOrder::fifo;
  size_t capacity = 65536;      // experiences, those that wait for a reward included
  int reuse = 1;                // batches that one experience may be in
  int cool_down = 0;            // batches between two uses of one
  uint64_t most_staleness = 0;  // updates, at consumption; experiences beyond are discarded
  std::chrono::milliseconds reward_limit{60'000};
  std::string filter;  // for instance "reward>0": a small language
};

struct BufferCounts {
  uint64_t put = 0;
  uint64_t drawn = 0;    // uses
  uint64_t used_up = 0;  // left after their last use
  uint64_t filtered = 0;
  uint64_t too_stale = 0;
  uint64_t unrewarded = 0;  // whose reward never came
  uint64_t evicted = 0;
  size_t waiting = 0;  // for a reward, now
  size_t ready = 0;    // to be drawn, now
};

class Buffer {
 public:
  using Time = std::chrono::milliseconds;  // since any fixed moment

  explicit Buffer(BufferOptions options);

  // How many more may be put.
  size_t room() const;
  // REQUIRES: room() > 0. Ids that are or were here lately are duplicates: false, nothing happens.
  bool put(Experience experience, Time now);
  // The reward of step `step` of an experience. False when it is not (or no longer) awaited.
  bool reward(uint64_t id, int step, float reward);
  // Lets those go whose reward is overdue.
  void expire(Time now);

  // How many could be drawn at `updates`.
  size_t ready(uint64_t updates) const;
  // A batch of exactly `count`, as of update `updates`; empty when there are fewer.
  std::vector<Experience> draw(size_t count, uint64_t updates);
  void set_priority(uint64_t id, double priority);

  const BufferCounts& counts() const;

  // Exact: a buffer that was loaded goes on as the one that was saved. Throws io_error, data_error.
  void save(const std::filesystem::path& file) const;
  void load(const std::filesystem::path& file);

 private:
  // (theirs who writes it)
};

}  // namespace podium::learn
