#include "serve/replica/replica_pool.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"

namespace podium::serve {
namespace {

using State = ReplicaStats::State;
using namespace std::chrono_literals;

constexpr size_t deaths_allowed = 5;
constexpr auto deaths_window = 60s;
constexpr auto first_restart_delay = 10ms;
constexpr auto end_grace = 2s;

}  // namespace

ReplicaPool::ReplicaPool(boost::asio::io_context& context, const ServiceOptions& options,
                         const Log& log)
    : context_(context), options_(options), log_(log) {
  const auto count = static_cast<size_t>(options.replicas);
  seats_.reserve(count);
  for (size_t seat = 0; seat < count; ++seat) seats_.emplace_back(context);
  loads_.resize(count);
}

ReplicaPool::~ReplicaPool() {
  for (Seat& seat : seats_) {
    if (seat.link) seat.ending = seat.link->close();
  }
  for (Seat& seat : seats_) {
    if (seat.ending) seat.ending->end(end_grace);
  }
}

void ReplicaPool::start(Events events) {
  events_ = std::move(events);
  for (size_t seat = 0; seat < seats_.size(); ++seat) launch(seat);
}

std::string ReplicaPool::name(size_t seat) const {
  return options_.replica_prefix + std::to_string(seat);
}

bool ReplicaPool::any_ready() const {
  return std::ranges::any_of(loads_, [](const ReplicaLoad& load) { return load.ready; });
}

bool ReplicaPool::any_expected() const {
  const auto up = [](const Seat& seat) { return seat.stats.state != State::down; };
  return current_ && std::ranges::any_of(seats_, up);
}

void ReplicaPool::send(size_t seat, std::string head, std::shared_ptr<const std::string> body) {
  require(loads_[seat].ready, "a request was sent to a replica that is not ready", "ReplicaPool");
  ++loads_[seat].in_flight;
  ++seats_[seat].stats.requests;
  seats_[seat].link->send(std::move(head), std::move(body));
}

void ReplicaPool::report(ServiceStats* stats) const {
  stats->swaps = swaps_;
  stats->swap_ms = swap_ms_;
  stats->version = version();
  for (size_t i = 0; i < seats_.size(); ++i) {
    ReplicaStats replica = seats_[i].stats;
    replica.pid = seats_[i].link ? seats_[i].link->pid() : -1;
    replica.in_flight = static_cast<int64_t>(loads_[i].in_flight);
    stats->restarts += replica.restarts;
    stats->replicas.push_back(replica);
  }
}

void ReplicaPool::launch(size_t seat) {
  ReplicaCommand command;
  command.options.name = name(seat);
  command.options.max_batch = options_.max_batch;
  command.options.batch_delay = options_.batch_delay;
  command.options.max_body_bytes = options_.max_body_bytes;
  command.options.batch_target_p99 = options_.batch_target_p99;
  command.more = options_.replica_arguments;
  seats_[seat].stats.state = State::starting;
  seats_[seat].stats.version = 0;
  seats_[seat].link =
      ReplicaLink::start(context_, command,
                         {[this, seat](const Frame& frame) { received(seat, frame); },
                          [this, seat](const std::string& why) { lost(seat, why); }});
  if (current_) order_prepare(seat, *current_);
  if (rollout_ && !rollout_->begun) begin_rollout();
}

void ReplicaPool::received(size_t seat, const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::reply:
      if (loads_[seat].in_flight > 0) --loads_[seat].in_flight;
      return events_.replied(seat, frame.id, decode_reply(frame.payload));
    case FrameKind::prepared:
      return prepared(seat, frame.id);
    case FrameKind::failed:
      return failed(seat, frame.id, std::string(decode_version(frame.payload).text));
    case FrameKind::activated:
      return activated(seat, frame.id);
    default:
      throw internal_error("a frame for a replica reached the service", name(seat));
  }
}

void ReplicaPool::lost(size_t seat, const std::string& why) {
  Seat& place = seats_[seat];
  log_.warning(name(seat) + " is gone: " + why);
  place.ending = place.link->close();
  place.link.reset();
  loads_[seat] = {};
  place.stats.state = State::starting;
  place.stats.version = 0;
  schedule_restart(seat);
  if (rollout_) {
    rollout_->waiting.erase(seat);
    rollout_->prepared.erase(seat);
    settle_rollout();
  }
  if (swap_) activated(seat, swap_->version.ticket);
  events_.lost(seat);
}

// Waits for a process that has closed its socket or was cut off: it is ending or has ended.
void ReplicaPool::reap(size_t seat) {
  std::optional<WorkerProcess>& ending = seats_[seat].ending;
  if (!ending) return;
  const int status = ending->end(0ms).status;
  ending.reset();
  log_.info(name(seat) + " ended with status " + std::to_string(status));
}

void ReplicaPool::schedule_restart(size_t seat) {
  Seat& place = seats_[seat];
  const auto now = SteadyClock::now();
  place.deaths.push_back(now);
  while (place.deaths.front() + deaths_window < now) place.deaths.pop_front();
  const size_t deaths = place.deaths.size();
  const auto delay = first_restart_delay * (1 << (deaths - 1));
  place.restart.expires_after(delay);
  place.restart.async_wait([this, seat, deaths](const boost::system::error_code& error) {
    if (error) return;
    reap(seat);
    if (deaths >= deaths_allowed) return leave_down(seat);
    ++seats_[seat].stats.restarts;
    try {
      launch(seat);
    } catch (const Error& failure) {
      log_.error(name(seat) + " cannot be restarted: " + failure.what());
      schedule_restart(seat);
    }
  });
}

void ReplicaPool::leave_down(size_t seat) {
  seats_[seat].stats.state = State::down;
  log_.error(name(seat) + " died " + std::to_string(deaths_allowed) +
             " times within a minute and is left down");
  if (rollout_ && !rollout_->begun) begin_rollout();
  events_.changed();
}

}  // namespace podium::serve
