#include "learn/buffer.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace podium::learn {
namespace {

// Of those that left; so many can be on their way twice.
constexpr size_t least_remembered = 1024;

uint64_t staleness_of(uint64_t made_at, uint64_t updates) {
  return updates > made_at ? updates - made_at : 0;
}

int awaited_rewards(const Experience& experience) {
  return static_cast<int>(
      std::ranges::count_if(experience.rewards, [](float reward) { return std::isnan(reward); }));
}

void check(const BufferOptions& options) {
  if (options.capacity < 1 || options.reuse < 1 || options.cool_down < 0 ||
      options.reward_limit.count() < 0) {
    throw usage_error("a buffer with a number out of range", "",
                      "capacity and reuse are at least 1, cool-down and the limit of a reward 0");
  }
}

}  // namespace

Buffer::Buffer(BufferOptions options)
    : options_(std::move(options)),
      gone_(std::max(options_.capacity, least_remembered)),
      ready_(make_draw_order(options_.order)) {
  check(options_);
  if (!options_.filter.empty()) filter_.emplace(options_.filter);
}

Buffer::~Buffer() = default;
Buffer::Buffer(Buffer&&) noexcept = default;
Buffer& Buffer::operator=(Buffer&&) noexcept = default;

size_t Buffer::room() const {
  const size_t unused = entries_.size() - used_.size();
  return options_.capacity - std::min(options_.capacity, unused);
}

bool Buffer::put(Experience experience, Time now) {
  require(room() > 0, "a buffer that is put to has room", "Buffer");
  require(std::isfinite(experience.priority) && experience.uses == 0, "an experience is new",
          "Buffer");
  if (entries_.contains(experience.id) || gone_.contains(experience.id)) {
    ++counts_.duplicates;
    return false;
  }
  if (entries_.size() == options_.capacity) {
    leave(std::get<2>(*used_.begin()), counts_.evicted);
  }
  ++counts_.put;
  const int awaited = awaited_rewards(experience);
  Entry entry{std::move(experience), Place::waiting, now + options_.reward_limit, awaited, 0};
  const uint64_t id = entry.experience.id;
  enter(std::move(entry));
  if (awaited == 0) complete(entries_.at(id));
  return true;
}

// To where its `place` says.
void Buffer::enter(Entry entry) {
  const Experience& experience = entry.experience;
  const uint64_t id = experience.id;
  by_age_.insert({experience.version.made_at, id});
  if (experience.uses > 0) used_.insert({-experience.uses, experience.rollout, id});
  if (entry.place == Place::waiting) waiting_.insert({entry.overdue, id});
  if (entry.place == Place::ready) ready_->add(experience);
  if (entry.place == Place::cooling) cooling_.insert({entry.rested, id});
  entries_.emplace(id, std::move(entry));
}

bool Buffer::reward(uint64_t id, int step, float reward) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !std::isfinite(reward)) return false;
  Entry& entry = found->second;
  if (step < 0 || static_cast<size_t>(step) >= entry.experience.rewards.size()) return false;
  float& awaited = entry.experience.rewards[static_cast<size_t>(step)];
  if (!std::isnan(awaited)) return false;
  awaited = reward;
  if (--entry.awaited == 0) complete(entry);
  return true;
}

// All its rewards are there.
void Buffer::complete(Entry& entry) {
  const Experience& experience = entry.experience;
  if (filter_ &&
      !filter_->lets_pass(experience, staleness_of(experience.version.made_at, updates_))) {
    leave(experience.id, counts_.filtered);
  } else {
    make_ready(entry);
  }
}

void Buffer::make_ready(Entry& entry) {
  leave_place(entry);
  entry.place = Place::ready;
  ready_->add(entry.experience);
}

void Buffer::leave_place(const Entry& entry) {
  const uint64_t id = entry.experience.id;
  if (entry.place == Place::waiting) waiting_.erase({entry.overdue, id});
  if (entry.place == Place::ready) ready_->remove(entry.experience);
  if (entry.place == Place::cooling) cooling_.erase({entry.rested, id});
}

void Buffer::leave(uint64_t id, uint64_t& reason) {
  const Entry& entry = entries_.at(id);
  const Experience& experience = entry.experience;
  leave_place(entry);
  by_age_.erase({experience.version.made_at, id});
  used_.erase({-experience.uses, experience.rollout, id});
  ++counts_.uses[experience.uses];
  ++reason;
  entries_.erase(id);
  gone_.add(id);
}

void Buffer::expire(Time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    leave(waiting_.begin()->second, counts_.unrewarded);
  }
}

bool Buffer::too_stale(uint64_t made_at, uint64_t updates) const {
  return staleness_of(made_at, updates) > options_.most_staleness;
}

void Buffer::discard_stale(uint64_t updates) {
  updates_ = std::max(updates_, updates);
  while (!by_age_.empty() && too_stale(by_age_.begin()->first, updates)) {
    leave(by_age_.begin()->second, counts_.too_stale);
  }
}

size_t Buffer::ready(uint64_t updates) const {
  size_t stale = 0;
  for (const auto& [made_at, id] : by_age_) {
    if (!too_stale(made_at, updates)) break;
    if (entries_.at(id).place == Place::ready) ++stale;
  }
  return ready_->size() - stale;
}

std::vector<Experience> Buffer::draw(size_t count, uint64_t updates) {
  discard_stale(updates);
  if (count == 0 || ready_->size() < count) return {};
  std::vector<Experience> batch;
  batch.reserve(count);
  for (size_t i = 0; i < count; ++i) batch.push_back(use(ready_->first(), updates));
  ++draws_;
  wake();
  return batch;
}

// Leaves for good after its last use, or cools.
Experience Buffer::use(uint64_t id, uint64_t updates) {
  Entry& entry = entries_.at(id);
  Experience& experience = entry.experience;
  leave_place(entry);
  used_.erase({-experience.uses, experience.rollout, id});
  ++experience.uses;
  ++counts_.drawn;
  ++counts_.staleness[staleness_of(experience.version.made_at, updates)];
  used_.insert({-experience.uses, experience.rollout, id});
  entry.place = Place::cooling;
  entry.rested = draws_ + 1 + static_cast<uint64_t>(options_.cool_down);
  cooling_.insert({entry.rested, id});
  if (experience.uses < options_.reuse) return experience;
  Experience last = std::move(experience);  // whose numbers stay
  leave(id, counts_.used_up);
  return last;
}

void Buffer::wake() {
  while (!cooling_.empty() && cooling_.begin()->first <= draws_) {
    make_ready(entries_.at(cooling_.begin()->second));
  }
}

void Buffer::set_priority(uint64_t id, double priority) {
  require(std::isfinite(priority), "a priority is finite", "Buffer");
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const bool in_order = entry.place == Place::ready;
  if (in_order) ready_->remove(entry.experience);
  entry.experience.priority = priority;
  if (in_order) ready_->add(entry.experience);
}

BufferCounts Buffer::counts() const {
  BufferCounts counts = counts_;
  counts.waiting = waiting_.size();
  counts.ready = ready_->size();
  counts.cooling = cooling_.size();
  return counts;
}

}  // namespace podium::learn
