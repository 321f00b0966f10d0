// ScheduleSimulator: the real pace and the real buffer under a clock that a seed rules. Rollouts,
// updates, publications and rewards take as long as is drawn; explorers die and others come; the
// job stops and goes on from its checkpoint. A run is repeated to the last event by its seed.
//
// It keeps books of its own, and holds every order, every wait and every batch against what
// pace.hpp promises; what is wrong is a line in `wrong`. Without troubles it also tells how long a
// mode takes: what the docs say of modes comes from here and from measured runs.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "learn/buffer.hpp"
#include "learn/pace.hpp"

namespace podium::learn {

// How long things take, ms.
struct Lengths {
  double rollout = 10;
  double train = 10;  // a batch
  double publish = 1;
  double take = 1;
  double spread = 0;      // each takes between 1-spread and 1+spread of its length
  double tail_share = 0;  // of the rollouts take `tail_factor` times as long
  double tail_factor = 10;
  bool publishing_blocks = false;  // the trainers until it is done
};

struct Troubles {
  double death = 0;    // chance of an explorer, at each rollout and each taking of weights
  double away_ms = 0;  // until another comes in its place, on average
  int late = 0;        // explorers that come later than the first
  double stop = 0;     // chance of the job, after each batch, to stop and go on
  double awaited = 0;  // share of the experiences whose reward comes later,
  double never = 0;    // of those: never
  double reward_ms = 0;
  double bad = 0;  // share of the experiences whose reward is 0; others have 1

  bool none() const { return death == 0 && stop == 0 && awaited == 0 && bad == 0; }
};

struct ScheduleOptions {
  uint64_t seed = 0;
  PaceOptions pace;
  BufferOptions buffer;
  int explorers = 2;
  Lengths lengths;
  Troubles troubles;
  bool keep_log = false;  // for people: log()
};

struct ScheduleReport {
  double ms = 0;
  uint64_t batches = 0;
  uint64_t rollouts = 0;      // ordered, each once
  uint64_t reordered = 0;     // of another explorer
  uint64_t refused = 0;       // came from one that it was no longer expected of
  double explorers_busy = 0;  // share of their time in rollouts
  double trainers_busy = 0;
  BufferCounts buffer;
  uint64_t hash = 0;  // of every event
};

class ScheduleSimulator {
 public:
  explicit ScheduleSimulator(ScheduleOptions options);

  // Until all batches are done, or nothing happens any more.
  void run();

  ScheduleReport report() const;
  const std::vector<std::string>& wrong() const { return wrong_; }
  const std::vector<std::string>& log() const { return log_; }

 private:
  struct Event {
    enum class What { came, taken, explored, died, trained, published, rewarded, overdue };
    int64_t at_us = 0;
    uint64_t order = 0;
    What what = What::came;
    int explorer = 0;
    uint64_t id = 0;  // of a rollout, a batch, an experience
    int lives = 0;    // of the job
    Version version{};

    bool operator<(const Event& other) const {
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };
  struct Explorer {
    bool there = false;
    std::optional<Version> version;
    std::optional<Version> takes;
    std::optional<uint64_t> rollout;
    bool idle() const { return there && !takes && !rollout; }
  };
  // A rollout that was ordered and is not in.
  struct Open {
    uint64_t batch = 0;
    int explorer = -1;  // -1: lost
    Version version;
  };

  void after(double ms, Event event);
  double length(double ms);
  int64_t now_ms() const { return now_us_ / 1000; }
  bool chance(double share) { return share > 0 && random_.uniform() < share; }
  const Holdings& holdings();
  void happen(const Event& event);
  void come(const Event& event);
  void be_explored(const Event& event);
  void put(uint64_t rollout, const Version& version, int explorer);
  void be_trained(const Event& event);
  void restart();
  void carry_out(const Orders& orders);
  void carry_out(Order order);
  void begin_rollout(const Order& order);
  void begin_taking(const Order& order);
  void train(const Order& order);
  void die(int explorer, bool stalls);
  void note(const std::string& line);
  void fail(const std::string& what);

  // simulator_checks.cpp
  void check_explore(const Order& order);
  void check_take(const Order& order);
  void check_train(const Order& order);
  void check_batch(const Order& order, const std::vector<Experience>& batch);
  void check_publish(const Order& order);
  void check_waits();
  void check_trainers_wait();
  void check_explorer_waits(int number, const Explorer& explorer);
  bool may_explore(const Explorer& explorer) const;
  bool must_take(const Explorer& explorer) const;
  void check_end();
  void check_nothing_wasted();
  bool meets() const { return options_.pace.mode.style == SyncStyle::meet; }
  bool paced() const { return !meets() && options_.pace.mode.overage == Overage::pace; }
  bool held(uint64_t version) const;
  uint64_t updates_per_batch() const {
    return static_cast<uint64_t>(options_.pace.updates_per_batch);
  }
  uint64_t version_of(uint64_t batch) const;
  bool fits(uint64_t batch, const Version& version) const;
  bool all_ordered() const;
  uint64_t drawn() const { return trained_ + (training_ ? 1 : 0); }
  size_t supply() const;
  uint64_t next_batch() const;
  const Open* lost(uint64_t* batch) const;

  ScheduleOptions options_;
  Random random_;
  std::unique_ptr<Pace> pace_;
  Buffer buffer_;
  std::priority_queue<Event> events_;
  std::deque<Order> ordered_;
  Holdings told_;
  int64_t now_us_ = 0;
  uint64_t order_ = 0;
  int lives_ = 0;
  bool ended_ = false;

  std::map<int, Explorer> explorers_;
  int next_explorer_ = 0;
  std::map<uint64_t, Open> open_;
  uint64_t dropped_ = 0;   // rollouts that were open when the job stopped
  std::set<uint64_t> in_;  // rollouts
  std::map<uint64_t, int> uses_;
  uint64_t trained_ = 0;
  bool training_ = false;
  bool publishing_ = false;
  Version published_;
  uint64_t published_batches_ = 0;

  ScheduleReport report_;
  double rollout_ms_ = 0;
  double train_ms_ = 0;
  std::vector<std::string> wrong_;
  std::vector<std::string> log_;
};

}  // namespace podium::learn
