// What pace.hpp promises, computed from the simulator's own books.
#include <algorithm>

#include "learn/simulator.hpp"

namespace podium::learn {

// ---- The books

uint64_t ScheduleSimulator::version_of(uint64_t batch) const {
  const auto offset = static_cast<uint64_t>(options_.pace.mode.sync_offset);
  const auto interval = static_cast<uint64_t>(options_.pace.mode.sync_interval);
  return batch < offset ? 0 : (batch - offset) / interval;
}

bool ScheduleSimulator::held(uint64_t version) const {
  return std::ranges::any_of(explorers_, [&](const auto& entry) {
    const Explorer& it = entry.second;
    return it.there && !it.takes && it.version && it.version->number == version;
  });
}

bool ScheduleSimulator::all_ordered() const {
  return options_.pace.batches > 0 &&
         drawn() + supply() / static_cast<size_t>(options_.pace.batch) >= options_.pace.batches;
}

bool ScheduleSimulator::fits(uint64_t batch, const Version& version) const {
  return !paced() ||
         batch * updates_per_batch() <= version.made_at + options_.pace.mode.most_staleness;
}

// Experiences that are there, or under way.
size_t ScheduleSimulator::supply() const {
  return told_.ready + told_.awaited + open_.size() * static_cast<size_t>(options_.pace.rollout);
}

// That the last experience of a new rollout would be in; where both sides meet, the first.
uint64_t ScheduleSimulator::next_batch() const {
  const size_t before = supply() + (meets() ? 0 : static_cast<size_t>(options_.pace.rollout) - 1);
  return drawn() + before / static_cast<size_t>(options_.pace.batch);
}

// The first that is to be ordered again, and which batch it can be in at the soonest.
const ScheduleSimulator::Open* ScheduleSimulator::lost(uint64_t* batch) const {
  size_t before = 0;
  for (const auto& [number, open] : open_) {
    if (open.explorer < 0) {
      *batch = std::max(open.batch, drawn() + before / static_cast<size_t>(options_.pace.batch));
      return &open;
    }
    before += static_cast<size_t>(options_.pace.rollout);
  }
  return nullptr;
}

// ---- Orders

void ScheduleSimulator::check_explore(const Order& order) {
  const Explorer& it = explorers_[order.explorer];
  if (!it.idle()) fail("an explorer is ordered to explore that is not idle");
  if (it.version != order.version) fail("an explorer is to explore with what it has not");
  const auto open = open_.find(order.rollout);
  if (in_.contains(order.rollout)) fail("a rollout is ordered that is in");
  if (open != open_.end() && open->second.explorer >= 0) fail("a rollout is ordered twice");
  if (open == open_.end() && options_.buffer.reuse == 1 && all_ordered()) {
    fail("a rollout for a batch that will not be");
  }
  const uint64_t wanted = version_of(order.batch);
  if (meets() && order.version.number < wanted) fail("a rollout with too old a version");
  if (meets() && order.version.number > wanted && held(wanted)) {
    fail("a rollout with a newer version, where an explorer has the right one");
  }
  if (!fits(order.batch, order.version)) fail("a rollout that will be too stale");
  const bool fresh = open == open_.end();
  const size_t under_way =
      (open_.size() + (fresh ? 1 : 0)) * static_cast<size_t>(options_.pace.rollout);
  if (fresh && buffer_.room() < under_way) fail("a rollout without room for it");
  if (fresh && options_.troubles.none() && options_.buffer.reuse == 1 &&
      options_.pace.mode.overage == Overage::pace && order.batch != next_batch()) {
    fail("a rollout for batch " + std::to_string(order.batch) +
         ", but the next that lacks any is " + std::to_string(next_batch()));
  }
}

void ScheduleSimulator::check_take(const Order& order) {
  if (!explorers_[order.explorer].idle()) fail("an explorer is to take weights, but is not idle");
  if (order.version != published_) fail("weights are to be taken that are not the newest");
  for (const auto& [number, open] : open_) {
    const uint64_t wanted = version_of(open.batch);
    if (meets() && wanted < order.version.number && held(wanted)) {
      fail("newer weights are to be taken while rollouts of older ones are open");
      break;
    }
  }
  const bool another = std::ranges::any_of(
      explorers_, [](const auto& entry) { return entry.second.there && entry.second.takes; });
  if (options_.pace.mode.style == SyncStyle::turns && another) fail("two take weights at once");
}

void ScheduleSimulator::check_train(const Order& order) {
  if (training_) fail("a batch while another is trained on");
  if (order.batch != trained_) fail("a batch out of order");
  if (!meets()) return;
  if (publishing_) fail("a batch before the meeting");
  for (const auto& [number, it] : explorers_) {
    if (it.there && (!it.version || it.version->number < published_.number)) {
      fail("a batch before explorer " + std::to_string(number) + " has the weights");
    }
  }
  for (const auto& [number, open] : open_) {
    if (open.batch <= order.batch) fail("a batch before its rollouts are in");
  }
}

void ScheduleSimulator::check_batch(const Order& order, const std::vector<Experience>& batch) {
  if (batch.size() != static_cast<size_t>(options_.pace.batch))
    fail("a batch that cannot be drawn");
  const uint64_t updates = order.batch * updates_per_batch();
  for (const Experience& it : batch) {
    if (!in_.contains(it.rollout)) fail("an experience of no rollout");
    if (++uses_[it.id] > options_.buffer.reuse) fail("an experience is used too often");
    if (it.version.made_at > updates) fail("an experience of the future");
    if (it.version.made_at + options_.pace.mode.most_staleness < updates) {
      fail("an experience that is too stale");
    }
    if (meets() && options_.troubles.none() && options_.buffer.reuse == 1 &&
        it.version.number != version_of(order.batch)) {
      fail("batch " + std::to_string(order.batch) + " has an experience of version " +
           std::to_string(it.version.number));
    }
  }
}

void ScheduleSimulator::check_publish(const Order& order) {
  const auto interval = static_cast<uint64_t>(options_.pace.mode.sync_interval);
  if (training_) fail("weights are published amid a batch");
  if (publishing_) fail("weights are published before the last ones are");
  if (order.version.made_at != trained_ * updates_per_batch()) fail("a version of other updates");
  if (meets()) {
    if (order.version.number != trained_ / interval) fail("a version out of order");
    if (trained_ % interval != 0 && options_.troubles.stop == 0) fail("a meeting out of order");
  } else {
    if (order.version.number != published_.number + 1) fail("a version out of order");
    if (trained_ - published_batches_ < interval) fail("weights are published too soon");
  }
}

// ---- Waits: each for a reason

void ScheduleSimulator::check_waits() {
  if (!training_) check_trainers_wait();
  for (const auto& [number, explorer] : explorers_) {
    if (explorer.idle()) check_explorer_waits(number, explorer);
  }
}

void ScheduleSimulator::check_trainers_wait() {
  const auto interval = static_cast<uint64_t>(options_.pace.mode.sync_interval);
  const bool due =
      meets() ? trained_ / interval > published_.number : trained_ - published_batches_ >= interval;
  if (due && !publishing_) fail("weights are not published when they are due");
  const Waiting told = pace_->trainers_waiting();
  if (meets() && publishing_) {
    if (told != Waiting::weights) fail("trainers wait for weights, and say otherwise");
    return;
  }
  const bool all_met = std::ranges::all_of(explorers_, [&](const auto& entry) {
    const Explorer& it = entry.second;
    return !it.there || (it.version && it.version->number >= published_.number);
  });
  if (meets() && !all_met) {
    if (told != Waiting::meeting) fail("trainers wait at a meeting, and say otherwise");
    return;
  }
  if (told != Waiting::experiences) fail("trainers wait for experiences, and say otherwise");
  if (told_.ready < static_cast<size_t>(options_.pace.batch)) return;
  size_t before = 0;
  for (const auto& [number, open] : open_) {
    if (meets() && open.batch <= trained_) return;
    const uint64_t next = trained_ + 1 + before / static_cast<size_t>(options_.pace.batch);
    if (paced() && open.explorer >= 0 && !fits(next, open.version)) return;
    before += static_cast<size_t>(options_.pace.rollout);
  }
  fail("trainers wait for nothing");
}

void ScheduleSimulator::check_explorer_waits(int number, const Explorer& explorer) {
  const std::string who = "explorer " + std::to_string(number);
  if (may_explore(explorer)) fail(who + " waits, but may explore");
  if (must_take(explorer)) fail(who + " waits, but has to take the newest weights");
}

bool ScheduleSimulator::may_explore(const Explorer& explorer) const {
  if (!explorer.version) return false;
  uint64_t batch = next_batch();
  if (lost(&batch) == nullptr) {
    const size_t under_way = (open_.size() + 1) * static_cast<size_t>(options_.pace.rollout);
    if (all_ordered() || buffer_.room() < under_way) return false;
  }
  if (!meets()) return fits(batch, *explorer.version);
  const uint64_t wanted = version_of(batch);
  return explorer.version->number == wanted || (explorer.version->number > wanted && !held(wanted));
}

bool ScheduleSimulator::must_take(const Explorer& explorer) const {
  if (explorer.version && explorer.version->number >= published_.number) return false;
  if (options_.pace.mode.style == SyncStyle::free) return true;
  if (options_.pace.mode.style == SyncStyle::turns) {
    return std::ranges::none_of(
        explorers_, [](const auto& entry) { return entry.second.there && entry.second.takes; });
  }
  // Others are still at what an older version is for.
  for (const auto& [rollout, open] : open_) {
    if (version_of(open.batch) < published_.number && held(version_of(open.batch))) return false;
  }
  const uint64_t wanted = version_of(next_batch());
  return wanted >= published_.number || !held(wanted);
}

// ---- The end

void ScheduleSimulator::check_end() {
  if (!ended_) {
    fail("nothing happens any more after " + std::to_string(trained_) +
         " batches: " + std::to_string(told_.ready) + " experiences are ready, " +
         std::to_string(open_.size()) + " rollouts open");
    return;
  }
  if (trained_ != options_.pace.batches) fail("it ends too soon");
  const BufferCounts has = buffer_.counts();
  if (has.put != in_.size() * static_cast<size_t>(options_.pace.rollout)) {
    fail("not every rollout that was in is in the buffer's books");
  }
  if (has.put != has.waiting + has.ready + has.cooling + has.used_up + has.filtered +
                     has.too_stale + has.unrewarded + has.evicted) {
    fail("experiences are lost silently");
  }
  if (report_.rollouts != in_.size() + open_.size() + dropped_) fail("a rollout is lost silently");
  check_nothing_wasted();
}

void ScheduleSimulator::check_nothing_wasted() {
  const BufferCounts has = buffer_.counts();
  const bool in_order = options_.buffer.order == BufferOrder::fifo && options_.buffer.reuse == 1;
  if (options_.pace.mode.overage == Overage::discard || !in_order) return;
  // What a strict version leaves over of a rollout that was to fill up a batch has to go.
  const bool left_over = meets() && options_.troubles.bad > 0;
  if (options_.troubles.awaited == 0 && !left_over && has.too_stale > 0) {
    fail(std::to_string(has.too_stale) + " experiences became too stale in vain");
  }
  if (!options_.troubles.none()) return;
  if (has.ready + has.waiting > 0 || !open_.empty()) fail("more was explored than was needed");
}

}  // namespace podium::learn
