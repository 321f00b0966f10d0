// New versions of a ReplicaPool on trial (canary.hpp).
//
// One of the replicas that have prepared a version activates it and serves its share of the
// clients; the others serve the rest with the version that is current. Promoted, all swap as they
// do without a trial. Rolled back, the replica loads the current version again before it takes
// requests.
#include <utility>

#include "core/text.hpp"
#include "serve/replica/replica_pool.hpp"

namespace podium::serve {
namespace {

constexpr std::chrono::milliseconds look_every{50};

double milliseconds(const ReplyCost& cost) {
  return static_cast<double>(cost.input_ns + cost.queue_ns + cost.infer_ns + cost.output_ns) * 1e-6;
}

}  // namespace

// Begins the trial of the version that the rollout has prepared. Returns false when there is none:
// it needs a version to compare with, and a replica for each; one that was ordered gets none.
bool ReplicaPool::begin_trial() {
  if (options_.canary.share <= 0 || !current_ || rollout_->why == Why::ordered) return false;
  std::optional<size_t> chosen;
  size_t ready = 0;
  for (size_t seat = 0; seat < seats_.size(); ++seat) {
    if (!loads_[seat].ready) continue;
    ++ready;
    if (rollout_->prepared.contains(seat)) chosen = seat;
  }
  if (!chosen || ready < 2) {
    log_.warning(format("version %d: not tried out, which takes two replicas that serve",
                        rollout_->version.number));
    return false;
  }
  outliers_.forget(*chosen);
  loads_[*chosen].ejected = false;
  trial_.emplace(*chosen, Canary(options_.canary, rollout_->version.number), context_);
  ++canaries_;
  log_.info(format("version %d: on trial by %s for %.0f %% of the clients",
                   rollout_->version.number, name(*chosen).c_str(), 100 * options_.canary.share));
  activate_trial();
  await_verdict();
  events_.changed();
  return true;
}

// Once the replica has answered what it was sent: that is of any client, and those who are not
// among the share must not see the new version and then the old one.
void ReplicaPool::activate_trial() {
  const size_t seat = trial_->seat;
  if (trial_->active || loads_[seat].in_flight > 0) return;
  trial_->active = true;
  trial_->begun = Stopwatch();
  seats_[seat].link->send(encode_version_frame(FrameKind::activate, rollout_->version.ticket,
                                               rollout_->version.number));
  seats_[seat].stats.version = rollout_->version.number;
  events_.changed();
}

// That of the version asked for, or of the version that is this client's.
Side ReplicaPool::side_of(uint64_t client, int version) const {
  if (!trial_ || version == current_->number) return Side::current;
  const bool on_trial =
      version == trial_->canary.version() || (trial_->active && trial_->canary.serves(client));
  return on_trial ? Side::trial : Side::current;
}

std::span<const ReplicaLoad> ReplicaPool::loads_of(Side side) {
  const std::span<const ReplicaLoad> all = loads();
  if (!trial_) return all;
  eligible_.assign(all.begin(), all.end());
  for (size_t seat = 0; seat < seats_.size(); ++seat) {
    const Side own = seat == trial_->seat ? Side::trial : Side::current;
    if (own != side || (own == Side::trial && !trial_->active)) eligible_[seat].ready = false;
  }
  return eligible_;
}

// Whether every other replica is left down: then the version on trial is all there is.
bool ReplicaPool::nothing_to_compare() const {
  for (size_t seat = 0; seat < seats_.size(); ++seat) {
    if (seat != trial_->seat && seats_[seat].stats.state != ReplicaStats::State::down) return false;
  }
  return true;
}

void ReplicaPool::await_verdict() {
  trial_->timer.expires_after(look_every);
  trial_->timer.async_wait([this](const boost::system::error_code& error) {
    if (error || !trial_) return;
    activate_trial();
    judge();
    if (trial_) await_verdict();
  });
}

void ReplicaPool::note_answer(size_t seat, const ReplyFields& fields) {
  if (!trial_) return;
  if (!trial_->active) return activate_trial();
  const bool on_trial = seat == trial_->seat;
  const auto current = static_cast<uint32_t>(current_->number);
  if (on_trial && fields.cost.version == current) return;  // taken before the trial
  trial_->canary.answered(on_trial, fields.status, milliseconds(fields.cost));
  if (on_trial) judge();
}

void ReplicaPool::note_timeout(size_t seat) {
  ReplyFields fields;
  fields.status = 504;
  note_answer(seat, fields);
}

void ReplicaPool::judge() {
  const std::chrono::milliseconds tried(static_cast<int64_t>(trial_->begun.milliseconds()));
  if (nothing_to_compare()) {
    log_.warning(format("version %d: promoted, no replica is left for the one before it",
                        trial_->canary.version()));
    return swap_versions();
  }
  if (!trial_->active) return;
  switch (trial_->canary.verdict(tried)) {
    case Canary::Verdict::on_trial:
      return;
    case Canary::Verdict::promoted:
      log_.info(format("version %d: promoted after %lld ms on trial", trial_->canary.version(),
                       static_cast<long long>(tried.count())));
      return swap_versions();
    case Canary::Verdict::rolled_back:
      return finish_rollout("rolled back: " + trial_->canary.objection());
  }
}

// Rolls back: the replica that tried a version goes back to the current one.
void ReplicaPool::end_trial() {
  const size_t seat = trial_->seat;
  trial_.reset();
  ++rolled_back_;
  if (!seats_[seat].link) return;
  loads_[seat].ready = false;
  seats_[seat].stats.state = ReplicaStats::State::starting;
  seats_[seat].stats.version = 0;
  order_prepare(seat, *current_);
}

// A death in a trial: of the replica that tries the version, or of one that serves the current one.
void ReplicaPool::lost_in_trial(size_t seat) {
  rollout_->waiting.erase(seat);
  rollout_->prepared.erase(seat);
  if (seat == trial_->seat) finish_rollout("rolled back: the replica that tried it died");
}

}  // namespace podium::serve
