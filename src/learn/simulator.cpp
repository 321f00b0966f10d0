#include "learn/simulator.hpp"

#include <algorithm>
#include <utility>

namespace podium::learn {
namespace {

constexpr size_t most_wrong = 20;

// One step that needs no more than it must: a sound experience of whatever reward.
Experience small_experience(uint64_t id, uint64_t rollout, int explorer, const Version& version,
                            float reward) {
  Experience made;
  made.id = id;
  made.explorer = explorer;
  made.rollout = rollout;
  made.version = version;
  made.observations.resize(2);
  made.actions = {0};
  made.log_probability = {0};
  made.rewards = {reward};
  made.ends = {Ending::terminal};
  return made;
}

}  // namespace

ScheduleSimulator::ScheduleSimulator(ScheduleOptions options)
    : options_(std::move(options)),
      random_(options_.seed, 0x5c4edu),
      pace_(std::make_unique<Pace>(options_.pace)),
      buffer_(options_.buffer) {
  const int first = std::max(1, options_.explorers - options_.troubles.late);
  for (int i = 0; i < options_.explorers; ++i) {
    const double delay = i < first ? 0.1 * i : length(options_.lengths.rollout * 4 * i);
    after(delay, {.what = Event::What::came});
  }
}

void ScheduleSimulator::after(double ms, Event event) {
  event.at_us = now_us_ + static_cast<int64_t>(ms * 1000);
  event.order = order_++;
  event.lives = lives_;
  events_.push(event);
}

double ScheduleSimulator::length(double ms) {
  const double spread = options_.lengths.spread;
  return spread == 0 ? ms : ms * (1 - spread + 2 * spread * random_.uniform());
}

const Holdings& ScheduleSimulator::holdings() {
  buffer_.expire(Buffer::Time(now_ms()));
  buffer_.discard_stale(pace_->next_draw_at());
  told_ = {buffer_.ready(pace_->next_draw_at()), buffer_.counts().waiting, buffer_.room()};
  return told_;
}

void ScheduleSimulator::run() {
  carry_out(pace_->buffered(holdings()));
  while (!events_.empty() && !ended_ && wrong_.size() < most_wrong) {
    const Event event = events_.top();
    events_.pop();
    now_us_ = event.at_us;
    // What was under way when the job stopped is gone, but rewards find their way.
    const bool lasts = event.what == Event::What::rewarded || event.what == Event::What::overdue;
    if (event.lives != lives_ && !lasts) continue;
    report_.hash = mix64(report_.hash ^ mix64(static_cast<uint64_t>(event.at_us)) ^
                         (static_cast<uint64_t>(event.what) << 32) ^
                         static_cast<uint64_t>(event.explorer) ^ mix64(event.id));
    happen(event);
    if (!ended_) check_waits();
  }
  check_end();
}

// ---- What happens

void ScheduleSimulator::happen(const Event& event) {
  const std::string who = "explorer " + std::to_string(event.explorer);
  switch (event.what) {
    case Event::What::came:
      come(event);
      break;
    case Event::What::taken:
      note(who + " has version " + std::to_string(event.version.number));
      explorers_[event.explorer].takes.reset();
      explorers_[event.explorer].version = event.version;
      carry_out(pace_->taken(event.explorer, event.version));
      break;
    case Event::What::explored:
      be_explored(event);
      break;
    case Event::What::died:
      die(event.explorer, event.id != 0);
      break;
    case Event::What::trained:
      be_trained(event);
      break;
    case Event::What::published:
      note("version " + std::to_string(event.version.number) + " is published");
      publishing_ = false;
      published_ = event.version;
      carry_out(pace_->published(event.version));
      break;
    case Event::What::rewarded:
      note("the reward of experience " + std::to_string(event.id));
      buffer_.reward(event.id, 0, 1);
      carry_out(pace_->buffered(holdings()));
      break;
    case Event::What::overdue:
      carry_out(pace_->buffered(holdings()));
      break;
  }
}

void ScheduleSimulator::come(const Event& /*event*/) {
  const int number = next_explorer_++;
  note("explorer " + std::to_string(number) + " comes");
  explorers_[number].there = true;
  carry_out(pace_->explorer_came(number));
}

void ScheduleSimulator::be_explored(const Event& event) {
  note("explorer " + std::to_string(event.explorer) + " has explored rollout " +
       std::to_string(event.id));
  Explorer& explorer = explorers_[event.explorer];
  if (!pace_->expects(event.explorer, event.id)) {
    // It was given up, and stalled only.
    if (explorer.there) fail("a rollout is refused of the explorer that it was ordered of");
    ++report_.refused;
    return;
  }
  if (!explorer.there) fail("a rollout is expected of an explorer that left");
  if (!in_.insert(event.id).second) fail("a rollout is expected twice");
  if (buffer_.room() < static_cast<size_t>(options_.pace.rollout)) {
    fail("there is no room for a rollout that was ordered");
    return;
  }
  explorer.rollout.reset();
  open_.erase(event.id);
  put(event.id, event.version, event.explorer);
  carry_out(pace_->explored(event.explorer, event.id, holdings()));
}

void ScheduleSimulator::put(uint64_t rollout, const Version& version, int explorer) {
  const Troubles& troubles = options_.troubles;
  for (int place = 0; place < options_.pace.rollout; ++place) {
    const uint64_t id =
        rollout * static_cast<uint64_t>(options_.pace.rollout) + static_cast<uint64_t>(place);
    float reward = chance(troubles.bad) ? 0.0F : 1.0F;
    if (chance(troubles.awaited)) {
      reward = awaited_reward;
      const auto limit = static_cast<double>(options_.buffer.reward_limit.count());
      if (!chance(troubles.never)) {
        after(length(troubles.reward_ms), {.what = Event::What::rewarded, .id = id});
      }
      after(limit + 1, {.what = Event::What::overdue, .id = id});
    }
    if (!buffer_.put(small_experience(id, rollout, explorer, version, reward),
                     Buffer::Time(now_ms()))) {
      fail("experience " + std::to_string(id) + " comes twice");
    }
  }
}

void ScheduleSimulator::be_trained(const Event& event) {
  note("batch " + std::to_string(event.id) + " is trained on");
  training_ = false;
  ++trained_;
  const Orders orders = pace_->trained(event.id);
  if (!pace_->ended() && chance(options_.troubles.stop)) {
    restart();
  } else {
    carry_out(orders);
  }
}

// The job stops, and goes on from what it saved. Who was there comes again, with no weights.
void ScheduleSimulator::restart() {
  note("the job stops and goes on");
  const PaceState state = pace_->state();
  ++lives_;
  training_ = false;
  publishing_ = false;
  published_ = state.newest;
  published_batches_ = state.newest.made_at / updates_per_batch();
  const auto there = static_cast<int>(
      std::ranges::count_if(explorers_, [](const auto& entry) { return entry.second.there; }));
  explorers_.clear();
  dropped_ += open_.size();
  open_.clear();
  pace_ = std::make_unique<Pace>(options_.pace, state);
  for (int i = 0; i < std::max(there, options_.explorers); ++i) {
    after(length(options_.lengths.take * (1 + i)), {.what = Event::What::came});
  }
  carry_out(pace_->buffered(holdings()));
}

// Its connection is closed. One that only stalled still sends what it was at, later.
void ScheduleSimulator::die(int explorer, bool stalls) {
  Explorer& it = explorers_[explorer];
  note("explorer " + std::to_string(explorer) + (stalls ? " stalls" : " dies"));
  it.there = false;
  if (it.rollout) {
    Open& lost = open_.at(*it.rollout);
    if (stalls) {
      after(length(options_.lengths.rollout), {.what = Event::What::explored,
                                               .explorer = explorer,
                                               .id = *it.rollout,
                                               .version = lost.version});
    }
    lost.explorer = -1;
  }
  after(length(options_.troubles.away_ms), {.what = Event::What::came});
  carry_out(pace_->explorer_left(explorer));
}

// ---- What is ordered

// One after the other: what an order brings about comes behind those that were there before.
void ScheduleSimulator::carry_out(const Orders& orders) {
  const bool nested = !ordered_.empty();
  ordered_.insert(ordered_.end(), orders.begin(), orders.end());
  if (nested) return;
  while (!ordered_.empty()) {
    carry_out(ordered_.front());
    ordered_.pop_front();
  }
}

void ScheduleSimulator::carry_out(Order order) {
  note("-> " + describe(order));
  switch (order.what) {
    case Order::What::explore:
      check_explore(order);
      begin_rollout(order);
      break;
    case Order::What::take:
      check_take(order);
      begin_taking(order);
      break;
    case Order::What::train:
      check_train(order);
      train(order);
      break;
    case Order::What::publish:
      check_publish(order);
      publishing_ = true;
      published_batches_ = trained_;
      after(length(options_.lengths.publish),
            {.what = Event::What::published, .version = order.version});
      break;
    case Order::What::end:
      ended_ = true;
      break;
  }
}

void ScheduleSimulator::begin_rollout(const Order& order) {
  explorers_[order.explorer].rollout = order.rollout;
  if (open_.contains(order.rollout)) {
    ++report_.reordered;
  } else {
    ++report_.rollouts;
  }
  open_[order.rollout] = {order.batch, order.explorer, order.version};
  const Lengths& lengths = options_.lengths;
  double ms = length(lengths.rollout);
  if (chance(lengths.tail_share)) ms *= lengths.tail_factor;
  if (chance(options_.troubles.death)) {
    const bool stalls = chance(0.5);
    after(ms * random_.uniform(),
          {.what = Event::What::died, .explorer = order.explorer, .id = stalls ? 1u : 0u});
    return;
  }
  rollout_ms_ += ms;
  after(ms, {.what = Event::What::explored,
             .explorer = order.explorer,
             .id = order.rollout,
             .version = order.version});
}

void ScheduleSimulator::begin_taking(const Order& order) {
  explorers_[order.explorer].takes = order.version;
  const double ms = length(options_.lengths.take);
  if (chance(options_.troubles.death)) {
    after(ms * random_.uniform(), {.what = Event::What::died, .explorer = order.explorer});
  } else {
    after(ms, {.what = Event::What::taken, .explorer = order.explorer, .version = order.version});
  }
}

void ScheduleSimulator::train(const Order& order) {
  training_ = true;
  const auto count = static_cast<size_t>(options_.pace.batch);
  check_batch(order, buffer_.draw(count, order.batch * updates_per_batch()));
  double ms = length(options_.lengths.train);
  train_ms_ += ms;
  if (options_.lengths.publishing_blocks && publishing_) ms += options_.lengths.publish;
  after(ms, {.what = Event::What::trained, .id = order.batch});
  carry_out(pace_->buffered(holdings()));
}

// ---- What is told

void ScheduleSimulator::note(const std::string& line) {
  if (options_.keep_log) {
    log_.push_back(std::to_string(static_cast<double>(now_us_) / 1000) + " ms: " + line);
  }
}

void ScheduleSimulator::fail(const std::string& what) {
  wrong_.push_back("at " + std::to_string(static_cast<double>(now_us_) / 1000) + " ms: " + what);
  note("WRONG: " + what);
}

ScheduleReport ScheduleSimulator::report() const {
  ScheduleReport report = report_;
  report.ms = static_cast<double>(now_us_) / 1000;
  report.batches = trained_;
  report.explorers_busy = rollout_ms_ / (report.ms * options_.explorers);
  report.trainers_busy = train_ms_ / report.ms;
  report.buffer = buffer_.counts();
  return report;
}

}  // namespace podium::learn
