#include "ps/server.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "ps/server_state.hpp"

namespace podium::ps {
namespace {

template <typename T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Without a roster, all are there.
bool usable(const Roster& roster, int server) {
  const auto s = static_cast<size_t>(server);
  return s >= roster.servers.size() || (roster.servers[s].alive && roster.servers[s].current);
}

}  // namespace

void ServerReport::add(const ServerReport& other) {
  pushes += other.pushes;
  pulls += other.pulls;
  duplicates += other.duplicates;
  late += other.late;
  gaps += other.gaps;
  refused += other.refused;
  relayed += other.relayed;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  waited_pulls += other.waited_pulls;
  staleness.resize(std::max(staleness.size(), other.staleness.size()));
  for (size_t i = 0; i < other.staleness.size(); ++i) staleness[i] += other.staleness[i];
}

Server::State::State(int server, KeyMap keys, const GroupOptions& group)
    : number(server), map(std::move(keys)), options(group) {
  homes.resize(static_cast<size_t>(map.servers()));
  for (int home = 0; home < map.servers(); ++home) {
    if (!map.holds(number, home)) continue;
    homes[static_cast<size_t>(home)] =
        std::make_unique<Home>(home, map.range_of(home), options.optimizer);
  }
}

uint32_t Server::State::present(const Home& home) const {
  return std::max(home.members.slowest(), home.ended);
}

Outgoing& Server::State::reply(Kind kind, const Header& request) {
  Answer& answer = answers.add(Answer::To::worker, request.worker);
  Header& header = answer.message.header;
  header.kind = kind;
  header.worker = request.worker;
  header.sequence = request.sequence;
  header.ticket = request.ticket;
  header.clock = request.clock;
  header.home = request.home;
  header.view = roster.view;
  header.from = static_cast<uint16_t>(number);
  return answer.message;
}

void Server::State::refuse(const Header& request, const std::string& why) {
  if (request.has(Flag::relayed)) return;
  ++report.refused;
  Outgoing& message = reply(Kind::refused, request);
  answers.text() = why;
  message.payload = {std::as_bytes(std::span(answers.text()))};
  seal(message);
}

// Who speaks for the home, and to whom the one that does relays.
void Server::State::assign_roles(Home& home) {
  std::vector<bool> can(static_cast<size_t>(map.servers()));
  for (int s = 0; s < map.servers(); ++s) can[static_cast<size_t>(s)] = usable(roster, s);
  const int serving = map.serving(home.number, can);
  if (usable(roster, number)) {
    home.source = -1;
  } else if (serving >= 0 && home.source != serving) {
    home.installed = false;  // it may have missed what happened since
  }
  const bool answers_now = home.installed && serving == number;
  if (home.answers && !answers_now) {  // workers ask the other one again, once they know
    for (const Pending& pending : home.pending) seal(reply(Kind::moved, pending.asked.header));
    for (const Asked& asked : home.waiting) seal(reply(Kind::moved, asked.header));
    home.pending.clear();
    home.waiting.clear();
  }
  if (answers_now && !home.answers) {  // whoever did before may not have told all backups
    for (Member& member : home.members.all()) member.settled = 0;
  }
  home.answers = answers_now;
  home.backups.clear();
  uint64_t all = 0;
  for (int step = 0; step <= map.replicas(); ++step) {
    const int server = (home.number + step) % map.servers();
    if (server == number) continue;
    if (!can[static_cast<size_t>(server)] && !contains(home.given, server)) continue;
    home.backups.push_back(server);
    all |= bit_of(home, server);
  }
  for (Pending& pending : home.pending) pending.awaited &= all;
  complete_settled(home);
}

// Nobody waits for these answers any more.
void Server::State::forget_asked(Home& home, uint32_t worker) {
  const auto theirs = [&](const Header& header) { return header.worker == worker; };
  std::erase_if(home.pending, [&](const Pending& pending) { return theirs(pending.asked.header); });
  std::erase_if(home.waiting, [&](const Asked& asked) { return theirs(asked.header); });
}

// Who is waited for.
void Server::State::count_members(Home& home) {
  for (Member& member : home.members.all()) {
    const bool listed = contains(roster.workers, member.number);
    if (!listed && member.view > roster.view) continue;  // it knows a newer one
    if (!listed) member.left = false;                    // it may come again
    const bool counts = listed && !member.left;
    if (counts && !member.counts) member.clock = std::max(member.clock, present(home));
    if (!counts && member.counts) {
      member.greeted = false;
      forget_asked(home, member.number);
    }
    member.counts = counts;
  }
  for (const uint32_t worker : roster.workers) {
    if (home.members.find(worker) == nullptr) home.members.add(worker, present(home));
  }
  home.members.update();
  advance(home);
}

Server::Server(int number, KeyMap map, const GroupOptions& options)
    : state_(std::make_unique<State>(number, std::move(map), options)) {}

Server::~Server() = default;

void Server::initialise(std::span<const float> state) {
  const size_t values = state_->map.values();
  require(is_beginning(state.size(), values, state_->options.optimizer.rule),
          "as many values as the servers hold", "server");
  for (const auto& home : state_->homes) {
    if (home == nullptr) continue;
    const Segment& range = home->shard.range();
    for (size_t layer = 0; layer * values < state.size(); ++layer) {
      home->shard.set(layer, state.subspan(layer * values + range.first, range.count));
    }
    home->installed = true;
    state_->assign_roles(*home);
  }
}

std::span<const Answer> Server::see(const Roster& roster) {
  State& state = *state_;
  state.answers.clear();
  if (roster.view >= state.roster.view) {
    const auto gone = [&](int server) {
      const auto s = static_cast<size_t>(server);
      if (s >= roster.servers.size() || !roster.servers[s].alive) return true;
      return s < state.roster.servers.size() &&
             state.roster.servers[s].address != roster.servers[s].address;
    };
    for (const auto& home : state.homes) {
      if (home != nullptr) std::erase_if(home->given, gone);
    }
    const bool changed = !(state.roster == roster);
    if (changed) state.roster = roster;
    for (const auto& home : state.homes) {
      if (home == nullptr || !changed) continue;
      if (home->installed) state.count_members(*home);  // before anything is read
      state.assign_roles(*home);
      state.release(*home);
    }
  }
  state.ask_for_state();
  return state.answers.all();
}

std::span<const Answer> Server::handle(const Incoming& message) {
  State& state = *state_;
  state.answers.clear();
  state.report.bytes_in += message.payload.size();
  switch (message.header.kind) {
    case Kind::push:
    case Kind::push_pull:
    case Kind::tick:
    case Kind::hello:
    case Kind::leave:
      state.effect(message);
      break;
    case Kind::pull:
      state.pull(message);
      break;
    case Kind::forwarded:
      state.forwarded(message.header);
      break;
    case Kind::want:
      state.give_state(message.header);
      break;
    case Kind::state:
      state.install(message);
      break;
    default:
      break;
  }
  for (const Answer& answer : state.answers.all()) {
    state.report.bytes_out += answer.message.header.bytes;
  }
  return state.answers.all();
}

bool Server::current() const {
  return std::all_of(state_->homes.begin(), state_->homes.end(),
                     [](const auto& home) { return home == nullptr || home->installed; });
}

ServerReport Server::report() const {
  return state_->report;
}

}  // namespace podium::ps
