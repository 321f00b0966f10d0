#include "serve/replica/replica_pool.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
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
constexpr size_t most_joined = 256;

// What `stuck` allows is for batches of up to this many images.
constexpr int images_of_a_piece = 64;

HealthLimits health_limits(const ServiceOptions& options) {
  HealthLimits limits = options.health;
  limits.stuck *= (options.max_batch + images_of_a_piece - 1) / images_of_a_piece;
  return limits;
}

OutlierRules outlier_rules(const ServiceOptions& options) {
  OutlierRules rules = options.outliers;
  if (options.policy == Policy::hash) rules.slower = 0;
  return rules;
}

}  // namespace

ReplicaPool::ReplicaPool(boost::asio::io_context& context, const ServiceOptions& options,
                         const Log& log)
    : context_(context),
      options_(options),
      log_(log),
      health_(health_limits(options)),
      tick_(context),
      outliers_(outlier_rules(options)) {
  for (int i = 0; i < options.replicas; ++i) {
    seats_.emplace_back(context, options.replica_prefix + std::to_string(i));
  }
  loads_.resize(seats_.size());
}

ReplicaPool::~ReplicaPool() {
  for (Seat& seat : seats_) {
    if (seat.link) seat.ending = seat.link->close();
  }
  const auto until = SteadyClock::now() + end_grace;  // of all together
  for (Seat& seat : seats_) {
    if (seat.ending) {
      const auto left = until - SteadyClock::now();
      seat.ending->end(std::max(0ms, std::chrono::duration_cast<std::chrono::milliseconds>(left)));
    }
  }
}

void ReplicaPool::start(Events events) {
  events_ = std::move(events);
  for (size_t seat = 0; seat < seats_.size(); ++seat) launch(seat);
  await_tick();
}

bool ReplicaPool::any_ready() const {
  return std::ranges::any_of(loads_, [](const ReplicaLoad& load) { return load.ready; });
}

bool ReplicaPool::any_expected() const {
  const auto up = [](const Seat& seat) { return seat.stats.state != State::down; };
  return current_ && std::ranges::any_of(seats_, up);
}

void ReplicaPool::send(size_t seat, uint64_t id, std::string head,
                       std::shared_ptr<const std::string> body) {
  require(loads_[seat].ready, "a request was sent to a replica that is not ready", "ReplicaPool");
  ++loads_[seat].in_flight;
  ++seats_[seat].stats.requests;
  seats_[seat].sent[id] = {SteadyClock::now(), body->size()};
  seats_[seat].sent_bytes += body->size();
  seats_[seat].link->send(std::move(head), std::move(body));
}

void ReplicaPool::report(ServiceStats* stats) const {
  stats->swaps = swaps_;
  stats->swap_ms = swap_ms_;
  stats->version = version();
  stats->ejections = ejections_;
  stats->canaries = canaries_;
  stats->rolled_back = rolled_back_;
  for (size_t i = 0; i < seats_.size(); ++i) {
    ReplicaStats replica = seats_[i].stats;
    replica.pid = seats_[i].link ? seats_[i].link->pid() : -1;
    replica.in_flight = static_cast<int64_t>(loads_[i].in_flight);
    replica.ejected = loads_[i].ejected;
    stats->restarts += replica.restarts;
    stats->replicas.push_back(replica);
  }
}

void ReplicaPool::launch(size_t seat) {
  begin(seat, ReplicaLink::start(context_, replica_command(options_, name(seat)), events_of(seat)));
}

bool ReplicaPool::join(ReplicaLink::Socket socket, const std::string& name) {
  const auto vacant = [](const Seat& place) { return place.stats.joined && !place.link; };
  const auto found = std::ranges::find_if(seats_, vacant);
  const auto seat = static_cast<size_t>(found - seats_.begin());
  if (found == seats_.end()) {
    if (seat >= static_cast<size_t>(options_.replicas) + most_joined) return false;
    seats_.emplace_back(context_, name).stats.joined = true;
    loads_.emplace_back();
  }
  seats_[seat].stats.name = name;
  log_.info(name + " has joined");
  begin(seat, ReplicaLink::adopt(std::move(socket), events_of(seat)));
  return true;
}

ReplicaLink::Events ReplicaPool::events_of(size_t seat) {
  return {[this, seat](const Frame& frame) { received(seat, frame); },
          [this, seat](const std::string& why) { lost(seat, why); }};
}

// A replica begins its life in `seat`.
void ReplicaPool::begin(size_t seat, std::shared_ptr<ReplicaLink> link) {
  seats_[seat].stats.state = State::starting;
  seats_[seat].stats.version = 0;
  seats_[seat].pulse = {};
  seats_[seat].link = std::move(link);
  if (current_) order_prepare(seat, *current_);
  if (rollout_ && !rollout_->begun) begin_rollout();
}

void ReplicaPool::received(size_t seat, const Frame& frame) {
  seats_[seat].pulse.heard();
  if (rollout_ && !rollout_->begun) begin_rollout();
  switch (frame.kind) {
    case FrameKind::reply:
      return replied(seat, frame);
    case FrameKind::decision:
      return events_.decided(frame.id, decode_decision(frame.payload));
    case FrameKind::pong:
      return answered_ping(seat, decode_pong(frame.payload));
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
  events_.happened({{"event", "replica_died"},
                    {"replica", name(seat)},
                    {"why", why},
                    {"version", place.stats.version},
                    {"unanswered", place.sent.size()}},
                   {});
  place.ending = place.link->close();
  place.link.reset();
  loads_[seat] = {};
  place.sent.clear();
  place.sent_bytes = 0;
  place.warm_since.reset();
  outliers_.forget(seat);
  place.stats.state = place.stats.joined ? State::down : State::starting;
  place.stats.version = 0;
  if (!place.stats.joined) schedule_restart(seat);
  if (trial_) {
    lost_in_trial(seat);
  } else if (rollout_) {
    rollout_->waiting.erase(seat);
    rollout_->prepared.erase(seat);
    settle_rollout();
  }
  if (swap_) activated(seat, swap_->version.ticket);
  events_.lost(seat);
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
    let_go(seat);
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
