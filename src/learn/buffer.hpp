// Buffer: experiences between those who make them and those who learn from them.
//
// Every experience that was put in is in one place, or has left for a reason that is counted:
//
//   put == waiting + ready + cooling + used_up + filtered + too_stale + unrewarded + evicted
//
// It waits while a reward of it is awaited; then it is filtered, or ready to be drawn; after a use
// it cools down for some batches, until its last one. One that was never used is never pushed out:
// a buffer full of those has no room, and who fills it has to wait. One that was used, and could be
// used again, gives way to new ones.
//
// Pure of threads and clocks: time is told. Batches depend on what is in the buffer, not on the
// order in which it came.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/recent_ids.hpp"
#include "learn/buffer_filter.hpp"
#include "learn/draw_order.hpp"
#include "learn/experience.hpp"

namespace podium::learn {

struct BufferOptions {
  BufferOrder order = BufferOrder::fifo;
  size_t capacity = 65536;      // experiences, wherever they are
  int reuse = 1;                // batches that one experience may be in
  int cool_down = 0;            // batches between two uses of one
  uint64_t most_staleness = 0;  // updates, at consumption; experiences beyond are discarded
  std::chrono::milliseconds reward_limit{60'000};
  std::string filter;  // buffer_filter.hpp; empty: none
};

struct BufferCounts {
  uint64_t put = 0;
  uint64_t drawn = 0;  // uses

  uint64_t used_up = 0;  // left after their last use
  uint64_t filtered = 0;
  uint64_t too_stale = 0;
  uint64_t unrewarded = 0;  // whose rewards did not all come
  uint64_t evicted = 0;     // by new ones, after a use
  uint64_t duplicates = 0;  // not in `put`

  size_t waiting = 0;  // for a reward, now
  size_t ready = 0;    // to be drawn, now
  size_t cooling = 0;  // down from a use, now

  std::map<uint64_t, uint64_t> staleness;  // in updates, at consumption: uses
  std::map<int, uint64_t> uses;            // of those that left; 0 are the wasted ones
};

class Buffer {
 public:
  using Time = std::chrono::milliseconds;  // since any fixed moment

  // Throws usage_error for a filter that is not understood, and for numbers out of range.
  explicit Buffer(BufferOptions options);
  ~Buffer();
  Buffer(Buffer&&) noexcept;
  Buffer& operator=(Buffer&&) noexcept;

  // How many more may be put.
  size_t room() const;
  // REQUIRES: room() > 0, and the experience is sound (experience_codec.hpp). Ids that are or were
  // here lately are duplicates: false, nothing happens.
  bool put(Experience experience, Time now);
  // The reward of step `step` of an experience. False when it is not (or no longer) awaited, or not
  // finite.
  bool reward(uint64_t id, int step, float reward);
  // Lets those go whose rewards are overdue.
  void expire(Time now);
  // Lets those go that are too stale from update `updates` on. draw() does it too: between draws,
  // it makes room.
  void discard_stale(uint64_t updates);

  // How many could be drawn at `updates`.
  size_t ready(uint64_t updates) const;
  // A batch of exactly `count`, as of update `updates`, in the order of the buffer; empty when
  // there are fewer. `uses` of each counts this one.
  std::vector<Experience> draw(size_t count, uint64_t updates);
  // REQUIRES: it is finite. Nothing happens when the experience is gone.
  void set_priority(uint64_t id, double priority);

  BufferCounts counts() const;

  // Exact: a buffer that was loaded goes on as the one that was saved, if its options are the same;
  // rewards have what was left of their time. Throws io_error; data_error for a file that is
  // damaged or another's; usage_error for one that holds more than the capacity.
  void save(const std::filesystem::path& file, Time now) const;
  // REQUIRES: nothing was put yet.
  void load(const std::filesystem::path& file, Time now);

 private:
  friend class BufferFile;  // buffer_file.cpp

  enum class Place { waiting, ready, cooling };
  struct Entry {
    Experience experience;
    Place place = Place::ready;
    Time overdue{};       // from when on, while it waits
    int awaited = 0;      // rewards
    uint64_t rested = 0;  // from which draw on it is ready again, while it cools
  };

  bool too_stale(uint64_t made_at, uint64_t updates) const;
  void enter(Entry entry);
  void complete(Entry& entry);
  void make_ready(Entry& entry);
  void leave_place(const Entry& entry);
  void leave(uint64_t id, uint64_t& reason);
  Experience use(uint64_t id, uint64_t updates);
  void wake();

  BufferOptions options_;
  std::optional<BufferFilter> filter_;
  BufferCounts counts_;
  RecentIds gone_;
  uint64_t draws_ = 0;
  uint64_t updates_ = 0;  // the latest that were told

  std::unordered_map<uint64_t, Entry> entries_;  // all, by id
  // The same by place,
  std::set<std::pair<Time, uint64_t>> waiting_;      // by when they are overdue
  std::unique_ptr<DrawOrder> ready_;                 // by who is drawn first
  std::set<std::pair<uint64_t, uint64_t>> cooling_;  // by from which draw on they are rested
  // and those that age, and those that may give way.
  std::set<std::pair<uint64_t, uint64_t>> by_age_;      // all, by made_at
  std::set<std::tuple<int, uint64_t, uint64_t>> used_;  // by -uses and rollout
};

}  // namespace podium::learn
