#include "learn/pace.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"

namespace podium::learn {
namespace {

constexpr const char* machine = "the pace of learning";

void check_sizes(const PaceOptions& options) {
  if (options.batch < 1 || options.rollout < 1 || options.batch % options.rollout != 0) {
    throw usage_error("a batch of " + std::to_string(options.batch) +
                          " experiences is no whole number of rollouts of " +
                          std::to_string(options.rollout),
                      "learn.batch", "make it a multiple of what a rollout gives");
  }
  require(options.updates_per_batch >= 1 && options.mode.sync_interval >= 1, "a mode as checked",
          machine);
  const bool meets = options.mode.style == SyncStyle::meet;
  const auto ahead = static_cast<size_t>(meets ? std::max(1, options.mode.sync_offset) : 1);
  // What a filter leaves of rollouts may be one experience less than a batch.
  const auto needed =
      ahead * static_cast<size_t>(options.batch) + static_cast<size_t>(options.rollout) - 1;
  if (options.capacity > 0 && options.capacity < needed) {
    throw usage_error("a buffer of " + std::to_string(options.capacity) +
                          " experiences cannot hold what explorers are ahead",
                      "learn.capacity", "make it " + std::to_string(needed) + " or more");
  }
}

}  // namespace

std::string describe(const Order& order) {
  const std::string explorer = "explorer " + std::to_string(order.explorer);
  const std::string version = "version " + std::to_string(order.version.number) + " (made at " +
                              std::to_string(order.version.made_at) + ")";
  const std::string batch = "batch " + std::to_string(order.batch);
  switch (order.what) {
    case Order::What::explore:
      return explorer + " explores rollout " + std::to_string(order.rollout) + " for " + batch +
             " with " + version;
    case Order::What::take:
      return explorer + " takes " + version;
    case Order::What::train:
      return "trainers train on " + batch;
    case Order::What::publish:
      return "trainers publish " + version;
    case Order::What::end:
      break;
  }
  return "all batches are done";
}

Pace::Pace(PaceOptions options, const PaceState& from)
    : mode_(std::move(options.mode)),
      batch_(static_cast<size_t>(options.batch)),
      rollout_(static_cast<size_t>(options.rollout)),
      updates_per_batch_(static_cast<uint64_t>(options.updates_per_batch)),
      batches_(options.batches),
      next_rollout_(from.next_rollout),
      trained_(from.trained),
      newest_(from.newest) {
  options.mode = mode_;
  check_sizes(options);
  published_at_ = newest_.made_at / updates_per_batch_;
}

// ---- Events

Orders Pace::explorer_came(int explorer) {
  if (const auto known = explorers_.find(explorer); known != explorers_.end()) lose(known->second);
  explorers_[explorer] = {};
  explorers_[explorer].idle_since = ++events_;
  return decide();
}

Orders Pace::explorer_left(int explorer) {
  if (const auto known = explorers_.find(explorer); known != explorers_.end()) {
    lose(known->second);
    explorers_.erase(known);
  }
  return decide();
}

void Pace::lose(Explorer& explorer) {
  if (explorer.rollout) rollouts_.at(*explorer.rollout).explorer = -1;
}

Orders Pace::taken(int explorer, const Version& version) {
  if (const auto known = explorers_.find(explorer); known != explorers_.end()) {
    known->second.takes = false;
    known->second.version = version;
  }
  return decide();
}

bool Pace::expects(int explorer, uint64_t rollout) const {
  const auto ordered = rollouts_.find(rollout);
  return ordered != rollouts_.end() && explorer >= 0 && ordered->second.explorer == explorer;
}

Orders Pace::explored(int explorer, uint64_t rollout, const Holdings& holdings) {
  require(expects(explorer, rollout), "a rollout that was ordered of this explorer", machine);
  rollouts_.erase(rollout);
  Explorer& it = explorers_.at(explorer);
  it.rollout.reset();
  it.idle_since = ++events_;
  return buffered(holdings);
}

Orders Pace::buffered(const Holdings& holdings) {
  holdings_ = holdings;
  return decide();
}

Orders Pace::trained(uint64_t batch) {
  require(training_ && batch == trained_, "the batch that is trained on", machine);
  training_ = false;
  ++trained_;
  return decide();
}

Orders Pace::published(const Version& version) {
  require(publishing_ && version == *publishing_, "the version that is published", machine);
  publishing_.reset();
  newest_ = version;
  return decide();
}

// ---- Decisions

Orders Pace::decide() {
  Orders orders;
  decide_trainers(orders);
  std::vector<int> idle;
  for (size_t before = orders.size() + 1; before != orders.size();) {
    before = orders.size();
    idle.clear();
    for (auto& [number, explorer] : explorers_) {
      explorer.waiting = Waiting::no;
      if (explorer.idle() && !ended_) idle.push_back(number);
    }
    std::ranges::sort(idle, {}, [&](int number) { return explorers_.at(number).idle_since; });
    for (const int number : idle) decide_explorer(number, explorers_.at(number), orders);
  }
  return orders;
}

void Pace::decide_trainers(Orders& orders) {
  trainers_waiting_ = Waiting::no;
  if (training_ || ended_) return;
  if (done_with(trained_)) {
    ended_ = true;
    orders.push_back({.what = Order::What::end});
    return;
  }
  decide_publication(orders);
  trainers_waiting_ = mode_.style == SyncStyle::meet ? meeting_of_trainers() : Waiting::no;
  if (trainers_waiting_ != Waiting::no) return;
  if (holdings_.ready < batch_ || too_early(trained_)) {
    trainers_waiting_ = Waiting::experiences;
    return;
  }
  training_ = true;
  holdings_.ready -= batch_;
  orders.push_back({.what = Order::What::train, .batch = trained_});
}

// Where both sides meet, a version's number says after which batch it was made.
void Pace::decide_publication(Orders& orders) {
  if (publishing_) return;
  const auto interval = static_cast<uint64_t>(mode_.sync_interval);
  const bool meets = mode_.style == SyncStyle::meet;
  const bool due =
      meets ? trained_ / interval > newest_.number : trained_ - published_at_ >= interval;
  if (!due) return;
  publishing_ = Version{meets ? trained_ / interval : newest_.number + 1, updates()};
  published_at_ = trained_;
  orders.push_back({.what = Order::What::publish, .version = *publishing_});
}

Waiting Pace::meeting_of_trainers() const {
  if (publishing_) return Waiting::weights;
  const bool all = std::ranges::all_of(explorers_, [&](const auto& entry) {
    return entry.second.version && entry.second.version->number >= newest_.number;
  });
  return all ? Waiting::no : Waiting::meeting;
}

// Whether a rollout under way has to be in before `batch` is trained on.
bool Pace::too_early(uint64_t batch) const {
  size_t before = 0;  // experiences that are under way and will be drawn sooner
  for (const auto& [number, rollout] : rollouts_) {
    if (mode_.style == SyncStyle::meet) {
      if (rollout.batch <= batch) return true;
    } else if (mode_.overage == Overage::pace && rollout.explorer >= 0) {
      if (batch + 1 + before / batch_ > last_batch_of(rollout.version)) return true;
    }
    before += rollout_;
  }
  return false;
}

void Pace::decide_explorer(int number, Explorer& explorer, Orders& orders) {
  explorer.waiting = mode_.style == SyncStyle::meet ? meet(number, explorer, orders)
                                                    : run_free(number, explorer, orders);
}

Waiting Pace::meet(int number, Explorer& explorer, Orders& orders) {
  const std::optional<Work> next = work();
  const uint64_t wanted = next ? version_of(next->batch) : newest_.number;
  if (next && explorer.version && explorer.version->number >= wanted) {
    // Those that have gone on leave it to one that has the version, if any has.
    if (explorer.version->number > wanted && held(wanted)) return Waiting::meeting;
    explore(number, explorer, *next, orders);
    return Waiting::no;
  }
  if (explorer.version && explorer.version->number >= newest_.number) {
    return next ? Waiting::meeting : (room_for_one() ? Waiting::no : Waiting::room);
  }
  if (older_is_at_work(wanted)) return Waiting::meeting;
  take(number, explorer, orders);
  return Waiting::no;
}

Waiting Pace::run_free(int number, Explorer& explorer, Orders& orders) {
  const std::optional<Work> next = work();
  const bool may = next && explorer.version && admitted(next->batch, *explorer.version);
  if (!explorer.version || explorer.version->number < newest_.number) {
    if (mode_.style == SyncStyle::free || !somebody_takes()) {
      take(number, explorer, orders);
      return Waiting::no;
    }
    if (!may) return Waiting::weights;
  }
  if (may) {
    explore(number, explorer, *next, orders);
    return Waiting::no;
  }
  return next || !room_for_one() ? Waiting::room : Waiting::no;
}

void Pace::take(int number, Explorer& explorer, Orders& orders) {
  explorer.takes = true;
  orders.push_back({.what = Order::What::take, .explorer = number, .version = newest_});
}

void Pace::explore(int number, Explorer& explorer, const Work& work, Orders& orders) {
  const uint64_t rollout = work.lost ? *work.lost : next_rollout_++;
  rollouts_[rollout] = {work.batch, number, *explorer.version};
  explorer.rollout = rollout;
  orders.push_back({.what = Order::What::explore,
                    .explorer = number,
                    .rollout = rollout,
                    .batch = work.batch,
                    .version = *explorer.version});
}

// ---- What the state says

// Experiences that are there, or will be.
size_t Pace::supply() const {
  return holdings_.ready + holdings_.awaited + rollouts_.size() * rollout_;
}

bool Pace::room_for_one() const {
  return holdings_.room >= (rollouts_.size() + 1) * rollout_;
}

// Nothing when all batches have their rollouts, or the buffer has no room for another.
std::optional<Pace::Work> Pace::work() const {
  size_t before = 0;
  for (const auto& [number, rollout] : rollouts_) {
    // What it was for may have begun without it.
    if (rollout.explorer < 0) {
      return Work{number, std::max(rollout.batch, drawn() + before / batch_)};
    }
    before += rollout_;
  }
  // Some of a rollout may be left over for the batch behind; the bound holds for those too.
  const size_t ahead = mode_.style == SyncStyle::meet ? supply() : supply() + rollout_ - 1;
  const uint64_t batch = drawn() + supply() / batch_;
  if (done_with(batch) || !room_for_one()) return std::nullopt;
  return Work{std::nullopt, drawn() + ahead / batch_};
}

uint64_t Pace::version_of(uint64_t batch) const {
  const auto offset = static_cast<uint64_t>(mode_.sync_offset);
  return batch < offset ? 0 : (batch - offset) / static_cast<uint64_t>(mode_.sync_interval);
}

// Whether an explorer has exactly this version, and keeps it for now.
bool Pace::held(uint64_t version) const {
  return std::ranges::any_of(explorers_, [&](const auto& entry) {
    const Explorer& explorer = entry.second;
    return explorer.version && !explorer.takes && explorer.version->number == version;
  });
}

// Whether what is under way, or `wanted` next, is for a version before the newest that an explorer
// still has.
bool Pace::older_is_at_work(uint64_t wanted) const {
  const auto older = [&](uint64_t version) { return version < newest_.number && held(version); };
  return older(wanted) || std::ranges::any_of(rollouts_, [&](const auto& entry) {
           return older(version_of(entry.second.batch));
         });
}

bool Pace::admitted(uint64_t batch, const Version& version) const {
  return mode_.overage == Overage::discard || batch <= last_batch_of(version);
}

// The last batch that what `version` explores is not too stale for.
uint64_t Pace::last_batch_of(const Version& version) const {
  return (version.made_at + mode_.most_staleness) / updates_per_batch_;
}

bool Pace::somebody_takes() const {
  return std::ranges::any_of(explorers_, [](const auto& entry) { return entry.second.takes; });
}

Waiting Pace::waiting(int explorer) const {
  const auto known = explorers_.find(explorer);
  return known == explorers_.end() ? Waiting::no : known->second.waiting;
}

}  // namespace podium::learn
