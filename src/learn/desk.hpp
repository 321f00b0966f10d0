// Desk: what the hub decides, apart from sockets and threads: the buffer, the pace, and what came
// of every experience.
//
// Explorers and trainers tell what has happened; the desk keeps what is to be done next, for them
// to be told. A rollout for which the buffer has no room waits beside it, and so does its explorer.
//
// Threads: one at a time (the hub's lock).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "learn/accounting.hpp"
#include "learn/buffer.hpp"
#include "learn/experience.hpp"
#include "learn/pace.hpp"

namespace podium::learn {

struct DeskOptions {
  PaceOptions pace;
  BufferOptions buffer;
  size_t window = 100;  // episodes over which returns are averaged
};

// What trainers are to do.
struct Task {
  enum class What { train, publish, end };
  What what = What::train;
  uint64_t batch = 0;
  Version version;                      // to publish
  std::vector<Experience> experiences;  // to train on, in a fixed order
};

// What an explorer has made for one order.
struct Explored {
  uint64_t rollout = 0;
  std::vector<Experience> experiences;
  std::vector<double> returns;  // of episodes that ended
};

// What came of learning so far.
struct DeskReport {
  BufferCounts buffer;
  uint64_t rollouts = 0;       // that came
  uint64_t lost = 0;           // explorers that went in the middle of one, which another one gets
  uint64_t steps = 0;          // explored
  uint64_t trained_steps = 0;  // steps that were trained on
  uint64_t episodes = 0;
  double mean_return = 0;  // of the last `window` episodes
  bool window_full = false;
};

class Desk {
 public:
  using Time = Buffer::Time;

  explicit Desk(const DeskOptions& options);

  void explorer_came(int explorer);
  void explorer_left(int explorer);
  void taken(int explorer, const Version& version);
  // False when that explorer was not ordered this rollout: what it says cannot be used.
  bool explored(int explorer, Explored explored, Time now);
  // Lets experiences go whose rewards are overdue.
  void expire(Time now);

  // Orders for explorers that have come up since.
  Orders take_orders();
  // What the trainers are to do next; empty while they have to wait.
  std::optional<Task> next_task(Time now);
  void trained(uint64_t batch);
  void published(const Version& version);

  uint64_t updates() const { return pace_.updates(); }
  Version newest() const { return pace_.newest(); }
  Waiting trainers_waiting() const { return pace_.trainers_waiting(); }
  DeskReport report() const;

  // A desk that was loaded goes on as the one that was saved; rollouts that were under way are
  // ordered again. Throw io_error; data_error naming the file. REQUIRES: of load(), that nothing
  // has happened yet.
  void save(const std::filesystem::path& folder, Time now) const;
  void load(const std::filesystem::path& folder, Time now);

 private:
  void follow(Orders orders);
  void put_what_fits(Time now);
  void put(int explorer, Explored explored, Time now);
  Holdings holdings() const;
  double priority_of(const Experience& experience) const;
  void tell_buffered();

  DeskOptions options_;
  Buffer buffer_;
  Pace pace_;
  std::map<int, uint64_t> under_way_;  // by explorer, its rollout
  Orders for_explorers_;
  std::deque<Order> for_trainers_;
  std::deque<std::pair<int, Explored>> beside_;  // for which there is no room yet, by explorer
  std::deque<double> returns_;                   // of the last episodes
  DeskReport counted_;                           // but what is computed when asked
};

}  // namespace podium::learn
