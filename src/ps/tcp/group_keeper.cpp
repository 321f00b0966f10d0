#include "ps/tcp/group_keeper.hpp"

#include <algorithm>
#include <csignal>

#include "core/error.hpp"
#include "core/text.hpp"
#include "ps/rules.hpp"
#include "ps/tcp/server_process.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

Ticket make_ticket(const std::string& address, const ServerGroup::Options& options) {
  return {address, options.secret, options.shared_memory, options.silence};
}

// For the group's own station: what it says is short.
WireOptions wire_of(const ServerGroup::Options& options) {
  WireOptions wire = make_ticket("", options).wire();
  wire.spin = std::chrono::microseconds(0);
  return wire;
}

std::string name_of_server(size_t server) {
  return "parameter server " + std::to_string(server);
}

}  // namespace

GroupKeeper::GroupKeeper(std::vector<NamedSize> buffers, std::span<const float> state,
                         ServerGroup::Options options)
    : buffers_(std::move(buffers)),
      options_(std::move(options)),
      map_(buffers_, options_.group),
      station_(options_.listen, wire_of(options_)),
      ticket_(make_ticket(station_.address(), options_)),
      beginning_(state.begin(), state.end()),
      turned_(SteadyClock::now()),
      pinged_(turned_),
      seats_(static_cast<size_t>(map_.servers())) {
  require(is_beginning(beginning_.size(), map_.values(), options_.group.optimizer.rule),
          "Θ is as long as its buffers", "ServerGroup");
  roster_.servers.resize(seats_.size());
  events_.received = [this](Peer peer, const Incoming& message) { received(peer, message); };
  events_.lost = [this](Peer peer) { lost(peer); };
  for (size_t server = 0; server < seats_.size(); ++server) start(server);
}

void GroupKeeper::turn(Milliseconds patience) {
  station_.run(patience, events_);
  const Time now = SteadyClock::now();
  // While this thread was away nobody could be heard.
  if (now - turned_ > options_.silence / 2) {
    for (Seat& seat : seats_) seat.heard = now;
    for (Member& member : members_) member.heard = now;
  }
  turned_ = now;
  watch_servers();
  watch_workers();
  if (now - pinged_ > options_.silence / 4) ping();
  if (reports_wanted_) ask();
  answer_joins();
}

Roster GroupKeeper::roster() const {
  const std::lock_guard lock(mutex_);
  return roster_;
}

int GroupKeeper::pid(int server) const {
  const std::lock_guard lock(mutex_);
  const auto& process = seats_.at(static_cast<size_t>(server)).process;
  return process ? process->pid() : 0;
}

ServerReport GroupKeeper::report(size_t* answered) const {
  const std::lock_guard lock(mutex_);
  ServerReport sum;
  *answered = 0;
  for (const Seat& seat : seats_) {
    if (!seat.report) continue;
    sum.add(*seat.report);
    ++*answered;
  }
  return sum;
}

// --- what comes ---

void GroupKeeper::received(Peer peer, const Incoming& message) {
  const Header& header = message.header;
  if (header.kind == Kind::join) return join(peer, header.worker);
  if (header.kind == Kind::ready) {
    if (header.worker < seats_.size()) {
      set_up(header.worker, peer, std::string(text_of(message)));
    }
    return;
  }
  if (Member* member = member_of(peer)) member->heard = SteadyClock::now();
  Seat* seat = seat_of(peer);
  if (seat == nullptr) return;
  seat->heard = SteadyClock::now();
  if (header.kind == Kind::seen) seen(static_cast<size_t>(seat - seats_.data()), header);
  if (header.kind == Kind::left) leaves(header.worker);
  if (header.kind == Kind::report) {
    const std::lock_guard lock(mutex_);
    seat->report = parse_report(text_of(message));
  }
}

void GroupKeeper::lost(Peer peer) {
  if (Member* member = member_of(peer)) member->lost_at = SteadyClock::now();
  // A server without a connection is as good as dead; its end is seen by watch_servers().
  if (Seat* seat = seat_of(peer)) seat->process->signal(SIGKILL);
}

// --- servers ---

void GroupKeeper::start(size_t server) {
  WorkerProcess process = start_server(static_cast<int>(server), ticket_);
  const std::lock_guard lock(mutex_);
  Seat& seat = seats_[server];
  seat.process = std::move(process);
  seat.heard = SteadyClock::now();
  seat.start_at.reset();
}

// It listens, and is told what it is to be: with what all begin with, and later it asks the others.
void GroupKeeper::set_up(size_t server, Peer peer, const std::string& address) {
  Seat& seat = seats_[server];
  if (!seat.process || seat.peer) return station_.drop(peer);
  const std::string text = to_text(Setup{static_cast<int>(server), buffers_, options_.group});
  Outgoing message;
  message.header.kind = Kind::setup;
  if (!complete_) {
    message.segments.push_back({0, beginning_.size()});
    message.payload.push_back(std::as_bytes(std::span(beginning_)));
  }
  message.payload.push_back(std::as_bytes(std::span(text)));
  seal(message);
  station_.send(peer, message);
  {
    const std::lock_guard lock(mutex_);
    seat.peer = peer;
    seat.seen = 0;
    seat.heard = SteadyClock::now();
    roster_.servers[server] = {address, true, !complete_};
  }
  const bool all =
      std::ranges::all_of(seats_, [](const Seat& one) { return one.peer.has_value(); });
  if (complete_ || all) new_view();
}

void GroupKeeper::seen(size_t server, const Header& header) {
  seats_[server].seen = header.view;
  Roster::Server& entry = roster_.servers[server];
  // Of an older view it may be out of date: the server tells again when it has seen this one.
  if (header.clock == 1 && header.view == roster_.view && !entry.current) {
    options_.log.info(name_of_server(server) + " holds its ranges again");
    {
      const std::lock_guard lock(mutex_);
      entry.current = true;
    }
    new_view();
  }
  if (complete_ || roster_.view == 0) return;
  const bool all = std::ranges::all_of(seats_, [](const Seat& seat) { return seat.seen > 0; });
  if (!all) return;
  beginning_ = {};
  complete_ = true;
}

std::vector<bool> GroupKeeper::usable() const {
  std::vector<bool> usable;
  for (const Roster::Server& server : roster_.servers) {
    usable.push_back(server.alive && server.current);
  }
  return usable;
}

// Somebody holds each range that it is to hold.
bool GroupKeeper::can_be_current(size_t server) const {
  if (!complete_) return true;
  const std::vector<bool> holders = usable();
  for (int home = 0; home < map_.servers(); ++home) {
    if (map_.holds(static_cast<int>(server), home) && map_.serving(home, holders) < 0) return false;
  }
  return true;
}

void GroupKeeper::died(size_t server, const std::string& how) {
  const Time now = SteadyClock::now();
  {
    const std::lock_guard lock(mutex_);
    Seat& seat = seats_[server];
    if (seat.peer) station_.drop(*seat.peer);
    seat.process.reset();
    seat.peer.reset();
    seat.report.reset();
    roster_.servers[server].alive = roster_.servers[server].current = false;
    seat.start_at = seat.restarts.died(now);
    if (!can_be_current(server)) seat.start_at.reset();
  }
  const bool again = seats_[server].start_at.has_value();
  const bool held = can_be_current(server);
  options_.log.warning(name_of_server(server) + " has died (" + how + "); " +
                       (!held   ? "no backup holds its range, which is lost"
                        : again ? "it is started again"
                                : "it died five times in a minute and is left down"));
  if (again) ++restarts_;
  if (!again && !complete_) failed_ = true;
  if (roster_.view > 0) new_view();
}

void GroupKeeper::watch_servers() {
  const Time now = SteadyClock::now();
  for (size_t server = 0; server < seats_.size(); ++server) {
    Seat& seat = seats_[server];
    if (seat.process) {
      // One that begins has to load its libraries first.
      const auto patience = seat.peer ? options_.silence : 4 * options_.silence;
      if (now - seat.heard > patience) {
        options_.log.warning(name_of_server(server) + " answers nothing for " +
                             std::to_string(patience.count()) + " ms and is ended");
        seat.process->signal(SIGKILL);
        seat.heard = now;
      }
      if (const auto ended = seat.process->poll()) {
        died(server, "exit code " + std::to_string(ended->status));
      }
    } else if (seat.start_at && now >= *seat.start_at) {
      start(server);
    }
  }
}

// --- workers ---

// Who comes again under its number is another process: the servers forget the one before.
void GroupKeeper::join(Peer peer, uint32_t worker) {
  Member member{worker, peer, SteadyClock::now(), {}, 0};
  if (worker != observer) {
    for (const Member& before : members_) {
      if (before.worker == worker) station_.drop(before.peer);
    }
    remove(worker, "comes again");
    {
      const std::lock_guard lock(mutex_);
      roster_.workers.push_back(worker);
      std::ranges::sort(roster_.workers);
    }
    member.joins_with = roster_.view + 1;
    members_.push_back(member);
    new_view();
  } else {
    member.joins_with = std::max(roster_.view, 1U);
    members_.push_back(member);
    send_text(station_, peer, Kind::roster, to_text(roster_));
  }
}

// Once every server that is there acts on the view with the newcomer.
void GroupKeeper::answer_joins() {
  uint32_t seen = UINT32_MAX;
  for (const Seat& seat : seats_) {
    if (seat.peer) seen = std::min(seen, seat.seen);
  }
  for (Member& member : members_) {
    if (member.joins_with == 0 || seen < member.joins_with) continue;
    member.joins_with = 0;
    send_text(station_, member.peer, Kind::join, "");
  }
}

// It stays on the roster for the grace: other servers have still to hear it from the worker.
void GroupKeeper::leaves(uint32_t worker) {
  for (Member& member : members_) {
    if (member.worker == worker && !member.lost_at) member.lost_at = SteadyClock::now();
  }
}

void GroupKeeper::remove(uint32_t worker, const std::string& why) {
  std::erase_if(members_, [&](const Member& member) { return member.worker == worker; });
  {
    const std::lock_guard lock(mutex_);
    if (std::erase(roster_.workers, worker) == 0) return;
  }
  options_.log.debug("worker " + std::to_string(worker) + " of the parameter servers " + why);
  new_view();
}

void GroupKeeper::watch_workers() {
  const Time now = SteadyClock::now();
  const std::vector<Member> members = members_;
  for (const Member& member : members) {
    if (member.lost_at && now - *member.lost_at > options_.grace) {
      remove(member.worker, "has gone");
    } else if (!member.lost_at && now - member.heard > options_.silence) {
      options_.log.warning("worker " + std::to_string(member.worker) +
                           " of the parameter servers answers nothing and is dropped");
      station_.drop(member.peer);
      remove(member.worker, "is silent");
    }
  }
}

// --- what is told ---

void GroupKeeper::new_view() {
  {
    const std::lock_guard lock(mutex_);
    ++roster_.view;
  }
  const std::string text = to_text(roster_);
  for (const Seat& seat : seats_) {
    if (seat.peer) send_text(station_, *seat.peer, Kind::roster, text);
  }
  for (const Member& member : members_) send_text(station_, member.peer, Kind::roster, text);
}

void GroupKeeper::ping() {
  pinged_ = SteadyClock::now();
  for (const Seat& seat : seats_) {
    if (seat.peer) send_text(station_, *seat.peer, Kind::ping, "");
  }
  for (const Member& member : members_) send_text(station_, member.peer, Kind::ping, "");
}

void GroupKeeper::ask() {
  const std::lock_guard lock(mutex_);
  for (Seat& seat : seats_) {
    seat.report.reset();
    if (seat.peer) send_text(station_, *seat.peer, Kind::measure, "");
  }
  reports_wanted_ = false;
}

GroupKeeper::Seat* GroupKeeper::seat_of(Peer peer) {
  const auto found =
      std::ranges::find_if(seats_, [&](const Seat& seat) { return seat.peer == peer; });
  return found == seats_.end() ? nullptr : &*found;
}

GroupKeeper::Member* GroupKeeper::member_of(Peer peer) {
  const auto found =
      std::ranges::find_if(members_, [&](const Member& member) { return member.peer == peer; });
  return found == members_.end() ? nullptr : &*found;
}

}  // namespace podium::ps
