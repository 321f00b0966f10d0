// The deployments of a ReplicaPool.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/text.hpp"
#include "serve/replica/replica_pool.hpp"

namespace podium::serve {

using State = ReplicaStats::State;

void ReplicaPool::deploy(int version, const std::string& path, Why why, Deployed done) {
  rollout_ = Rollout{};
  rollout_->version = {++last_ticket_, version, path};
  rollout_->why = why;
  rollout_->done = std::move(done);
  if (why == Why::published && version <= this->version()) {
    return finish_rollout("version " + std::to_string(version) + " is not newer than version " +
                          std::to_string(this->version()) + ", which is served");
  }
  begin_rollout();
}

void ReplicaPool::abandon_deployment(const std::string& why) {
  if (rollout_) finish_rollout(why);
}

// Asks all live replicas to prepare; when none lives, the first that starts begins again. One of
// another job that has yet to say its first word may be frozen: it loads the version afterwards.
void ReplicaPool::begin_rollout() {
  const auto down = [](const Seat& seat) { return seat.stats.state == State::down; };
  if (std::ranges::all_of(seats_, down)) return finish_rollout("every replica is down");
  for (size_t seat = 0; seat < seats_.size(); ++seat) {
    const Seat& place = seats_[seat];
    if (!place.link || (place.stats.joined && !place.pulse.met())) continue;
    rollout_->begun = true;
    rollout_->waiting.insert(seat);
    order_prepare(seat, rollout_->version);
  }
}

void ReplicaPool::order_prepare(size_t seat, const Version& version) {
  seats_[seat].link->send(
      encode_version_frame(FrameKind::prepare, version.ticket, version.number, version.path));
}

void ReplicaPool::prepared(size_t seat, uint64_t ticket) {
  if (current_ && ticket == current_->ticket) {
    activate(seat);
    start_slowly(seat);
    if (trial_) order_prepare(seat, rollout_->version);
    return events_.changed();
  }
  if (!rollout_ || ticket != rollout_->version.ticket) return;  // given up meanwhile
  rollout_->waiting.erase(seat);
  rollout_->prepared.insert(seat);
  if (!trial_) settle_rollout();
}

void ReplicaPool::failed(size_t seat, uint64_t ticket, const std::string& reason) {
  if (seats_[seat].stats.joined) {  // it may lack the file, which is no fault of the version
    return lost(seat, "it cannot load the version: " + reason);
  }
  if (rollout_ && ticket == rollout_->version.ticket) {
    return finish_rollout(name(seat) + ": " + reason);
  }
  if (current_ && ticket == current_->ticket) {
    lost(seat, "it cannot load version " + std::to_string(current_->number) + ": " + reason);
  }
}

void ReplicaPool::settle_rollout() {
  if (!rollout_->begun || !rollout_->waiting.empty()) return;
  if (rollout_->prepared.empty()) return finish_rollout("every replica died while loading it");
  if (!begin_trial()) swap_versions();
}

// From here on every request that is sent meets the new version. Replicas that started during the
// rollout load it before they take requests. The one that tried it out serves it already.
void ReplicaPool::swap_versions() {
  const bool replaces = current_.has_value();
  const size_t tried = trial_ && trial_->active ? trial_->seat : seats_.size();
  trial_.reset();
  current_ = rollout_->version;
  if (replaces) {
    ++swaps_;
    swap_ = Swap{*current_, rollout_->prepared, {}};
    swap_->waiting.erase(tried);
  }
  for (size_t seat = 0; seat < seats_.size(); ++seat) {
    if (!seats_[seat].link || seat == tried) continue;
    if (rollout_->prepared.contains(seat)) {
      activate(seat);
    } else {
      loads_[seat].ready = false;
      seats_[seat].stats.state = State::starting;
      order_prepare(seat, *current_);
    }
  }
  finish_rollout("");
  events_.changed();
}

void ReplicaPool::activate(size_t seat) {
  seats_[seat].link->send(
      encode_version_frame(FrameKind::activate, current_->ticket, current_->number));
  if (seats_[seat].stats.state != State::ready) {
    events_.happened({{"event", "replica_started"},
                      {"replica", name(seat)},
                      {"version", current_->number},
                      {"restarts", seats_[seat].stats.restarts}},
                     {});
  }
  seats_[seat].stats.version = current_->number;
  seats_[seat].stats.state = State::ready;
  loads_[seat].ready = true;
}

// The time of a swap is that of all replicas: until the last one's word that it computes with the
// new version. One that is lost has no more to say.
void ReplicaPool::activated(size_t seat, uint64_t ticket) {
  if (!swap_ || ticket != swap_->version.ticket || swap_->waiting.erase(seat) == 0) return;
  if (!swap_->waiting.empty()) return;
  const double milliseconds = swap_->told.milliseconds();
  events_.happened(
      {{"event", "swapped"}, {"version", swap_->version.number}, {"swap_ms", milliseconds}},
      std::chrono::nanoseconds(static_cast<int64_t>(milliseconds * 1e6)));
  swap_ms_ = std::max(swap_ms_, milliseconds);
  log_.info(format("version %d: swapped in %.3f ms", swap_->version.number, milliseconds));
  swap_.reset();
}

// `error` is empty for a deployment that went through.
void ReplicaPool::finish_rollout(const std::string& error) {
  const Rollout rollout = std::move(*rollout_);
  rollout_.reset();
  DeployResult result;
  result.deployed = error.empty();
  result.version = rollout.version.number;
  result.replicas = result.deployed ? static_cast<int>(rollout.prepared.size()) : 0;
  result.seconds = rollout.started.seconds();
  result.error = error;
  if (!result.deployed) {
    for (size_t seat = 0; seat < seats_.size(); ++seat) {
      if (!rollout.waiting.contains(seat) && !rollout.prepared.contains(seat)) continue;
      seats_[seat].link->send(
          encode_version_frame(FrameKind::discard, rollout.version.ticket, rollout.version.number));
    }
  }
  rollout.done(result);
  if (trial_) {
    end_trial();
    events_.changed();
  }
}

}  // namespace podium::serve
