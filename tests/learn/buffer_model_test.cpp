// The buffer against a naive model, over tens of thousands of operations drawn at random: lists
// that are searched from end to end, and not a thought on speed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "core/random.hpp"
#include "learn/buffer.hpp"
#include "learn/experiences.hpp"
#include "temporary_folder.hpp"

namespace podium::learn {
namespace {

using Time = Buffer::Time;

struct Known {
  Experience experience;
  Time overdue{};
  uint64_t rested = 0;

  bool waits() const {
    return std::ranges::any_of(experience.rewards, [](float reward) { return std::isnan(reward); });
  }
};

class Model {
 public:
  explicit Model(BufferOptions options) : options_(std::move(options)) {}

  size_t room() const {
    return options_.capacity -
           std::min(options_.capacity,
                    static_cast<size_t>(std::ranges::count_if(
                        known_, [](const Known& known) { return known.experience.uses == 0; })));
  }

  bool put(const Experience& experience, Time now) {
    if (find(experience.id) != known_.end() || std::ranges::count(gone_, experience.id) > 0) {
      return false;
    }
    if (known_.size() == options_.capacity) {
      leave(std::ranges::min_element(known_, {},
                                     [](const Known& known) {
                                       return std::tuple(-known.experience.uses,
                                                         known.experience.rollout,
                                                         known.experience.id);
                                     }),
            counts_.evicted);
    }
    ++counts_.put;
    known_.push_back({experience, now + options_.reward_limit, 0});
    filter(known_.end() - 1);
    return true;
  }

  bool reward(uint64_t id, int step, float reward) {
    const auto found = find(id);
    if (found == known_.end() || step >= found->experience.steps) return false;
    float& awaited = found->experience.rewards[static_cast<size_t>(step)];
    if (!std::isnan(awaited)) return false;
    awaited = reward;
    filter(found);
    return true;
  }

  void expire(Time now) {
    for (size_t i = known_.size(); i-- > 0;) {
      if (known_[i].waits() && known_[i].overdue <= now) leave_at(i, counts_.unrewarded);
    }
  }

  std::vector<uint64_t> draw(size_t count, uint64_t updates) {
    for (size_t i = known_.size(); i-- > 0;) {
      if (known_[i].experience.version.made_at + options_.most_staleness < updates) {
        leave_at(i, counts_.too_stale);
      }
    }
    if (count == 0 || ready() < count) return {};
    std::vector<uint64_t> batch;
    for (size_t i = 0; i < count; ++i) batch.push_back(use(updates));
    ++draws_;
    return batch;
  }

  size_t ready() const {
    return static_cast<size_t>(
        std::ranges::count_if(known_, [this](const Known& known) { return is_ready(known); }));
  }

  BufferCounts counts() const {
    BufferCounts counts = counts_;
    counts.ready = ready();
    counts.waiting = static_cast<size_t>(std::ranges::count_if(known_, &Known::waits));
    counts.cooling = known_.size() - counts.ready - counts.waiting;
    return counts;
  }

 private:
  using Place = std::vector<Known>::iterator;

  Place find(uint64_t id) {
    return std::ranges::find(known_, id, [](const Known& known) { return known.experience.id; });
  }

  bool is_ready(const Known& known) const { return !known.waits() && known.rested <= draws_; }

  // The tests' filter, "reward > 0".
  void filter(Place known) {
    if (!known->waits() && !options_.filter.empty() && !(known->experience.rewards.back() > 0)) {
      leave(known, counts_.filtered);
    }
  }

  void leave(Place known, uint64_t& reason) {
    ++reason;
    ++counts_.uses[known->experience.uses];
    gone_.push_back(known->experience.id);
    if (gone_.size() > 1024) gone_.pop_front();
    known_.erase(known);
  }
  void leave_at(size_t i, uint64_t& reason) {
    leave(known_.begin() + static_cast<std::ptrdiff_t>(i), reason);
  }

  bool before(const Known& a, const Known& b) const {
    const Experience& x = a.experience;
    const Experience& y = b.experience;
    if (options_.order == BufferOrder::priority && x.priority != y.priority) {
      return x.priority > y.priority;
    }
    if (options_.order == BufferOrder::priority && x.uses != y.uses) return x.uses < y.uses;
    return std::pair(x.rollout, x.id) < std::pair(y.rollout, y.id);
  }

  uint64_t use(uint64_t updates) {
    Place best = known_.end();
    for (Place known = known_.begin(); known != known_.end(); ++known) {
      if (is_ready(*known) && (best == known_.end() || before(*known, *best))) best = known;
    }
    const uint64_t id = best->experience.id;
    ++counts_.drawn;
    ++counts_.staleness[updates - best->experience.version.made_at];
    best->rested = draws_ + 1 + static_cast<uint64_t>(options_.cool_down);
    if (++best->experience.uses == options_.reuse) leave(best, counts_.used_up);
    return id;
  }

  BufferOptions options_;
  BufferCounts counts_;
  std::vector<Known> known_;
  std::deque<uint64_t> gone_;
  uint64_t draws_ = 0;
};

void expect_equal(const BufferCounts& ours, const BufferCounts& theirs) {
  EXPECT_EQ(ours.put, theirs.put);
  EXPECT_EQ(ours.drawn, theirs.drawn);
  EXPECT_EQ(ours.used_up, theirs.used_up);
  EXPECT_EQ(ours.filtered, theirs.filtered);
  EXPECT_EQ(ours.too_stale, theirs.too_stale);
  EXPECT_EQ(ours.unrewarded, theirs.unrewarded);
  EXPECT_EQ(ours.evicted, theirs.evicted);
  EXPECT_EQ(ours.waiting, theirs.waiting);
  EXPECT_EQ(ours.ready, theirs.ready);
  EXPECT_EQ(ours.cooling, theirs.cooling);
  EXPECT_EQ(ours.staleness, theirs.staleness);
  EXPECT_EQ(ours.uses, theirs.uses);
}

void expect_all_accounted_for(const BufferCounts& counts) {
  EXPECT_EQ(counts.put, counts.used_up + counts.filtered + counts.too_stale + counts.unrewarded +
                            counts.evicted + counts.waiting + counts.ready + counts.cooling);
  uint64_t left = 0;
  for (const auto& [uses, count] : counts.uses) left += count;
  EXPECT_EQ(counts.put, left + counts.waiting + counts.ready + counts.cooling);
  uint64_t drawn = 0;
  for (const auto& [staleness, count] : counts.staleness) drawn += count;
  EXPECT_EQ(counts.drawn, drawn);
}

BufferOptions draw_options(Random& random) {
  BufferOptions options;
  options.order = random.below(2) == 0 ? BufferOrder::fifo : BufferOrder::priority;
  options.capacity = 4 + random.below(40);
  options.reuse = 1 + static_cast<int>(random.below(4));
  options.cool_down = static_cast<int>(random.below(3));
  options.most_staleness = random.below(6);
  options.reward_limit = Time(50);
  if (random.below(2) == 0) options.filter = "reward > 0";
  return options;
}

// A buffer and its model go through the same operations.
class Pair {
 public:
  explicit Pair(uint64_t seed)
      : random_(seed), options_(draw_options(random_)), buffer_(options_), model_(options_) {}

  void go(int operations) {
    for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) one();
    expect_equal(buffer_.counts(), model_.counts());
    expect_all_accounted_for(buffer_.counts());
    for (const auto& [id, uses] : uses_) {
      EXPECT_LE(uses, options_.reuse) << "experience " << id << " was in too many batches";
    }
  }

 private:
  void one() {
    now_ += Time(static_cast<int64_t>(random_.below(3)));
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        put();
        break;
      case 4:
      case 5:
        reward();
        break;
      case 6:
      case 7:
        draw();
        break;
      case 8:
        buffer_.expire(clock());
        model_.expire(now_);
        break;
      default:
        if (random_.below(40) == 0) save_and_load();
    }
    EXPECT_EQ(buffer_.room(), model_.room());
  }

  void put() {
    if (buffer_.room() == 0) return;
    // Some come out of turn, some twice.
    const uint64_t id = random_.below(8) == 0 && next_ > 20 ? next_ - random_.below(20) : ++next_;
    const int steps = 1 + static_cast<int>(random_.below(3));
    const uint64_t made_at = updates_ - std::min(updates_, random_.below(3));
    const Experience made = random_.below(2) == 0 ? test::experience(id, made_at, steps)
                                                  : test::unrewarded(id, made_at, steps);
    EXPECT_EQ(buffer_.put(made, clock()), model_.put(made, now_));
  }

  void reward() {
    const uint64_t id = next_ - std::min(next_, random_.below(30));
    const int step = static_cast<int>(random_.below(3));
    const auto reward = static_cast<float>(random_.below(2));
    EXPECT_EQ(buffer_.reward(id, step, reward), model_.reward(id, step, reward));
  }

  void draw() {
    if (random_.below(3) == 0) ++updates_;
    const size_t count = random_.below(6);
    const size_t ready = buffer_.ready(updates_);
    const std::vector<Experience> batch = buffer_.draw(count, updates_);
    EXPECT_EQ(test::ids(batch), model_.draw(count, updates_));
    EXPECT_EQ(batch.size(), count <= ready ? count : 0);
    for (const Experience& experience : batch) {
      EXPECT_EQ(experience.uses, ++uses_[experience.id]);
      EXPECT_LE(updates_ - experience.version.made_at, options_.most_staleness);
    }
  }

  Time clock() const { return clock_begin_ + now_; }

  // Another process goes on, whose clock began at another time.
  void save_and_load() {
    const auto file = folder_.path() / "buffer.h5";
    buffer_.save(file, clock());
    clock_begin_ = Time(static_cast<int64_t>(random_.below(1000)));
    Buffer loaded(options_);
    loaded.load(file, clock());
    buffer_ = std::move(loaded);
  }

  test::TemporaryFolder folder_;
  Random random_;
  BufferOptions options_;
  Buffer buffer_;
  Model model_;
  Time now_{0};
  Time clock_begin_{0};
  uint64_t next_ = 0;
  uint64_t updates_ = 0;
  std::map<uint64_t, int> uses_;
};

TEST(BufferModel, AgreesOverManyOperations) {
  constexpr int runs = 40;
  constexpr int operations = 1500;
  for (uint64_t seed = 1; seed <= runs && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair(seed).go(operations);
  }
}

}  // namespace
}  // namespace podium::learn
