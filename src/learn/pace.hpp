// Pace: who may go on, who must wait, and for what. The one state machine of all modes.
//
// Pure: events in, orders out, no clock, no threads. `podium learn` drives it with what happens
// (hub.hpp), the simulator with what might (tests/learn/simulator.hpp).
//
// Batches are numbered; each is trained on for `updates_per_batch` updates. A rollout is for the
// batch that it will be in if those that were begun before it are drawn first, as the buffer does;
// it gives so many experiences, unless its explorer is lost: then it is ordered again, of another,
// under its number. How many rollouts are ordered follows from what the buffer holds, so those are
// replaced too whose experiences were filtered out, dropped or never rewarded.
//
// Style `meet`: batch k is explored by version floor((k - offset) / interval), 0 while k < offset.
// Explorers take a version together, once all rollouts of the one before are in; the trainers,
// having published it, go on when all explorers that are there have it. An explorer that was lost
// may have been the last with its version: what is missing is then explored by the newest, which is
// never staler.
//
// Styles `free` and `turns`: explorers take the newest version between two rollouts. With `pace`, a
// rollout begins when its batch will begin before what made it is older than the bound, and a batch
// waits for a rollout under way that would be too stale for the next one: nothing is begun in vain.
// With `discard` nobody waits, and the buffer drops what has become too old.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "learn/experience.hpp"
#include "learn/mode.hpp"

namespace podium::learn {

struct PaceOptions {
  ModeSettings mode;  // as check() passes it
  int batch = 0;      // experiences in a batch
  int rollout = 0;    // experiences of a rollout; a batch is a whole number of rollouts
  int updates_per_batch = 1;
  uint64_t batches = 0;  // after which all is done; 0: no end
  size_t capacity = 0;   // of the buffer, experiences; 0: enough
};

// What a checkpoint keeps of it. Rollouts that were under way are ordered anew.
struct PaceState {
  uint64_t trained = 0;       // batches
  uint64_t next_rollout = 0;  // its number
  Version newest;             // that explorers can take: published already, or anew on resuming
};

// What the buffer has, as of Pace::next_draw_at().
struct Holdings {
  size_t ready = 0;    // to be drawn
  size_t awaited = 0;  // that wait for a reward
  size_t room = 0;     // for so many more; what can never be drawn again takes none
};

struct Order {
  enum class What {
    explore,  // `explorer` begins `rollout`, for `batch`, with `version`, which it has
    take,     // `explorer` takes `version`, or a newer one
    train,    // the trainers train on `batch`, which is drawn now, as of updates()
    publish,  // the trainers publish their weights as `version`
    end,      // all batches are done
  };
  What what = What::explore;
  int explorer = -1;
  uint64_t rollout = 0;
  uint64_t batch = 0;
  Version version = {};

  bool operator==(const Order&) const = default;
};
using Orders = std::vector<Order>;

// For people: "explorer 2 explores rollout 7 for batch 3 with version 2".
std::string describe(const Order& order);

// Why somebody waits, for people and for the accounting.
enum class Waiting {
  no,
  experiences,  // trainers
  weights,      // to be published, or for its turn to take them
  room,         // the buffer is full, or the bound on staleness reached
  meeting,      // the others of a meeting
};

class Pace {
 public:
  // From the start, or from where a checkpoint left off. Throws usage_error for sizes that do not
  // fit: a batch of no whole rollouts, a buffer too small.
  explicit Pace(PaceOptions options, const PaceState& from = {});

  // What has happened. Each returns what is to be done now, in this order.
  Orders explorer_came(int explorer);                  // with no weights, or again
  Orders explorer_left(int explorer);                  // what it was ordered is lost
  Orders taken(int explorer, const Version& version);  // it has these weights now
  // A rollout is whole: all its experiences were put. REQUIRES: expects(explorer, rollout).
  Orders explored(int explorer, uint64_t rollout, const Holdings& holdings);
  // Whenever the buffer has changed otherwise: after a batch was drawn, a reward came or is
  // overdue.
  Orders buffered(const Holdings& holdings);
  Orders trained(uint64_t batch);            // all its updates are done
  Orders published(const Version& version);  // explorers can take it

  // Whether it is this explorer's to explore. What another was ordered since is not put: it would
  // be trained on twice.
  bool expects(int explorer, uint64_t rollout) const;

  Waiting waiting(int explorer) const;
  Waiting trainers_waiting() const { return trainers_waiting_; }
  uint64_t updates() const { return trained_ * updates_per_batch_; }
  // Updates that will have been made when the next batch is drawn.
  uint64_t next_draw_at() const { return drawn() * updates_per_batch_; }
  // Of the batch that is trained on, or comes next.
  uint64_t batch() const { return trained_; }
  const Version& newest() const { return newest_; }
  bool ended() const { return ended_; }
  PaceState state() const { return {trained_, next_rollout_, newest_}; }
  // Style meet: the number of the version that explores a batch.
  uint64_t version_of(uint64_t batch) const;

 private:
  struct Explorer {
    std::optional<Version> version;
    bool takes = false;
    std::optional<uint64_t> rollout;
    uint64_t idle_since = 0;  // a count of events
    Waiting waiting = Waiting::no;

    bool idle() const { return !takes && !rollout; }
  };
  struct Rollout {
    uint64_t batch = 0;
    int explorer = -1;  // -1: lost, to be ordered again
    Version version;
  };
  // What could be explored next: a lost rollout, or a new one.
  struct Work {
    std::optional<uint64_t> lost;
    uint64_t batch = 0;
  };

  Orders decide();
  void decide_trainers(Orders& orders);
  void decide_publication(Orders& orders);
  Waiting meeting_of_trainers() const;
  bool too_early(uint64_t batch) const;
  void decide_explorer(int number, Explorer& explorer, Orders& orders);
  Waiting meet(int number, Explorer& explorer, Orders& orders);
  Waiting run_free(int number, Explorer& explorer, Orders& orders);

  uint64_t drawn() const { return trained_ + (training_ ? 1 : 0); }
  size_t supply() const;
  bool room_for_one() const;
  bool done_with(uint64_t batch) const { return batches_ > 0 && batch >= batches_; }
  std::optional<Work> work() const;
  bool held(uint64_t version) const;
  bool older_is_at_work(uint64_t wanted) const;
  bool admitted(uint64_t batch, const Version& version) const;
  uint64_t last_batch_of(const Version& version) const;
  bool somebody_takes() const;
  void take(int number, Explorer& explorer, Orders& orders);
  void explore(int number, Explorer& explorer, const Work& work, Orders& orders);
  void lose(Explorer& explorer);

  ModeSettings mode_;
  size_t batch_ = 0;
  size_t rollout_ = 0;
  uint64_t updates_per_batch_ = 1;
  uint64_t batches_ = 0;

  Holdings holdings_;
  std::map<int, Explorer> explorers_;
  std::map<uint64_t, Rollout> rollouts_;  // ordered and not in yet
  uint64_t next_rollout_ = 0;
  uint64_t events_ = 0;

  uint64_t trained_ = 0;       // batches
  uint64_t published_at_ = 0;  // batches that made what was published last
  bool training_ = false;
  bool ended_ = false;
  std::optional<Version> publishing_;
  Version newest_;
  Waiting trainers_waiting_ = Waiting::experiences;
};

}  // namespace podium::learn
