// What a ReplicaPool watches its replicas for: signs of life, answers worse than the others', and
// how long the new ones have been warm.
#include <csignal>
#include <utility>

#include "core/error.hpp"
#include "serve/replica/replica_pool.hpp"

namespace podium::serve {

namespace {

double milliseconds(SteadyClock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

std::span<const ReplicaLoad> ReplicaPool::loads() {
  for (size_t i = 0; i < seats_.size(); ++i) {
    std::optional<SteadyClock::time_point>& since = seats_[i].warm_since;
    if (!since) continue;
    loads_[i].share = warm_share(milliseconds(SteadyClock::now() - *since),
                                 static_cast<double>(options_.slow_start.count()));
    if (loads_[i].share >= 1) since.reset();
  }
  return loads_;
}

void ReplicaPool::start_slowly(size_t seat) {
  if (options_.slow_start.count() > 0) seats_[seat].warm_since = SteadyClock::now();
}

// A replica answers what it was asked and nothing else; one of another job may say anything.
void ReplicaPool::replied(size_t seat, const Frame& frame) {
  Seat& place = seats_[seat];
  const auto found = place.sent.find(frame.id);
  if (found == place.sent.end()) throw data_error("an answer to no request", name(seat), "");
  const ReplyView reply = decode_reply(frame.payload);
  if (reply.fields.status < 200 || reply.fields.status > 599) {
    throw data_error("an answer of no status", name(seat), "");
  }
  const auto now = SteadyClock::now();
  const double waited_ms = milliseconds(now - found->second.at);
  place.sent_bytes -= found->second.bytes;
  place.sent.erase(found);
  --loads_[seat].in_flight;
  if (!trial_ || seat != trial_->seat) {  // the trial has a judge of its own
    const auto verdict = outliers_.answered(seat, reply.fields.status, waited_ms, loads_, now);
    if (verdict) eject(*verdict);
  }
  events_.replied(seat, frame.id, reply);
  note_answer(seat, reply.fields);
}

void ReplicaPool::answered_ping(size_t seat, uint32_t busy_ms) {
  const std::string why = stuck(health_, std::chrono::milliseconds(busy_ms));
  if (!why.empty()) lost(seat, why);
}

void ReplicaPool::await_tick() {
  tick_.expires_after(Pulse::tick_of(health_));
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    await_tick();
    tick();
  });
}

void ReplicaPool::tick() {
  for (size_t seat = 0; seat < seats_.size(); ++seat) {
    Seat& place = seats_[seat];
    if (!place.link) continue;
    const std::string why = place.pulse.tick(health_, place.sent_bytes);
    if (!why.empty()) {
      lost(seat, why);
    } else if (health_.silence.count() > 0) {
      place.link->send(encode_frame(FrameKind::ping, 0, ""));
    }
  }
  for (const OutlierWatch::Verdict& verdict : outliers_.review(loads_, SteadyClock::now())) {
    eject(verdict);
  }
  std::erase_if(leaving_, [this](Leaving& leaving) {
    const std::optional<WorkerExit> end = leaving.process.poll();
    if (end) log_.info(leaving.name + " ended with status " + std::to_string(end->status));
    return end.has_value();
  });
  events_.changed();
}

void ReplicaPool::eject(const OutlierWatch::Verdict& verdict) {
  loads_[verdict.replica].ejected = outliers_.ejected(verdict.replica);
  if (!verdict.why.empty()) {
    ++ejections_;
    log_.warning(name(verdict.replica) + " gets no requests for a while: " + verdict.why);
  } else {
    log_.info(name(verdict.replica) + " gets requests again");
    start_slowly(verdict.replica);
  }
}

// The process that closed its socket or was cut off ends now, whatever it does; one that was
// stopped as well. A system call may still hold it, so nobody waits for it.
void ReplicaPool::let_go(size_t seat) {
  std::optional<WorkerProcess>& ending = seats_[seat].ending;
  if (!ending) return;
  if (!ending->poll()) ending->signal(SIGKILL);
  leaving_.push_back({name(seat), std::move(*ending)});
  ending.reset();
}

}  // namespace podium::serve
