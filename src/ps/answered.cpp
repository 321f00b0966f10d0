// A worker hears answers, and sends again what got none.
#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "ps/worker_state.hpp"

namespace podium::ps {
namespace {

constexpr int64_t soon_ms = 50;  // until a server acts on a roster that others act on already
constexpr int64_t max_retry_ms = 30'000;
constexpr size_t max_age = 1023;

size_t bytes_of(const std::vector<std::span<float>>& rooms) {
  size_t bytes = 0;
  for (const auto& room : rooms) bytes += room.size_bytes();
  return bytes;
}

uint32_t clock_of(const Header& header) {
  return header.clock + (header.has(Flag::ticks) ? 1 : 0);
}

}  // namespace

Way* WorkerMachine::State::way_of(uint32_t home) {
  for (Way& way : ways) {
    if (static_cast<uint32_t>(way.home()) == home) return &way;
  }
  return nullptr;
}

void WorkerMachine::State::answered(Way& way, const Flight& flight) {
  --open[flight.ticket - first_open];
  way.remove(flight);
  while (!open.empty() && open.front() == 0) {
    open.pop_front();
    ++first_open;
  }
}

bool WorkerMachine::done(Ticket ticket) const {
  return ticket < state_->first_open || state_->open[ticket - state_->first_open] == 0;
}

bool WorkerMachine::idle() const {
  return std::all_of(state_->ways.begin(), state_->ways.end(),
                     [](const Way& way) { return way.flights().empty(); });
}

WorkerMachine::Ticket WorkerMachine::oldest_open() const {
  const auto open = std::find_if(state_->open.begin(), state_->open.end(),
                                 [](uint32_t messages) { return messages > 0; });
  if (open == state_->open.end()) return 0;
  return state_->first_open + static_cast<Ticket>(open - state_->open.begin());
}

int WorkerMachine::waits_for(Ticket ticket) const {
  for (const Way& way : state_->ways) {
    for (const auto& flight : way.flights()) {
      if (flight->ticket == ticket) return way.server;
    }
  }
  return -1;
}

const char* WorkerMachine::operation_of(Ticket ticket) const {
  for (const Way& way : state_->ways) {
    for (const auto& flight : way.flights()) {
      if (flight->ticket == ticket) return name_of(flight->message.header.kind);
    }
  }
  return "nothing";
}

WorkerMachine::Departure WorkerMachine::next_departure(int64_t now_ms) {
  for (Way& way : state_->ways) {
    const bool again = way.again();
    Flight* flight = way.depart();
    if (flight == nullptr) continue;
    Header& header = flight->message.header;
    header.view = state_->roster.view;
    if (flight->sent) ++state_->report.resent;
    if (header.has(Flag::keys_cached)) state_->report.bytes_saved_keys += flight->keys.size_bytes();
    flight->sent = true;
    state_->report.bytes_sent += header.bytes;
    way.due_ms = now_ms + way.retry_ms;
    return {way.server, &flight->message, again};
  }
  return {};
}

std::span<std::byte> WorkerMachine::place(const Header& header) {
  Way* way = header.kind == Kind::values ? state_->way_of(header.home) : nullptr;
  const Flight* flight = way == nullptr ? nullptr : way->find(header.ticket);
  if (flight == nullptr || flight->rooms.size() != 1) return {};
  if (flight->message.header.sequence != header.sequence) return {};
  const std::span<std::byte> room = std::as_writable_bytes(flight->rooms.front());
  return room.size() == header.bytes ? room : std::span<std::byte>();
}

void WorkerMachine::State::take_values(const Flight& flight, const Incoming& message) {
  if (message.payload.size() != bytes_of(flight.rooms)) {
    throw internal_error("a server answered with " + std::to_string(message.payload.size()) +
                             " bytes instead of " + std::to_string(bytes_of(flight.rooms)),
                         name_of(flight.message.header.kind));
  }
  const std::byte* from = message.payload.data();
  for (const std::span<float> room : flight.rooms) {
    const bool there = reinterpret_cast<const std::byte*>(room.data()) == from;
    if (!there && !room.empty()) std::memcpy(room.data(), from, room.size_bytes());
    from += room.size_bytes();
  }
  const uint32_t reader = clock_of(flight.message.header);
  const size_t age = std::min<size_t>(max_age, reader - std::min(reader, message.header.clock));
  report.staleness.resize(std::max(report.staleness.size(), age + 1));
  ++report.staleness[age];
}

// Others may have begun before, and the homes may have heard of it one before the other: the worker
// is where the fastest is, and lifts the others to it.
void WorkerMachine::State::welcomed(Way& way, uint32_t at) {
  way.clock = at;
  clock = std::max(clock, at);
  if (--unwelcomed > 0) return;
  for (Way& other : ways) {
    if (other.clock == clock) continue;
    const Ticket ticket = new_ticket();
    add(other, Kind::tick, ticket);
  }
}

void WorkerMachine::received(const Incoming& message, int64_t now_ms) {
  const Header& header = message.header;
  state_->report.bytes_received += message.payload.size();
  Way* way = state_->way_of(header.home);
  Flight* flight = way == nullptr ? nullptr : way->find(header.ticket);
  if (flight == nullptr || header.worker != state_->number) return;  // answered before
  if (flight->message.header.sequence != header.sequence)
    return;  // of an earlier one of this number
  way->retry_ms = state_->options.retry.count();
  way->due_ms = now_ms + way->retry_ms;
  switch (header.kind) {
    case Kind::welcome:
      state_->welcomed(*way, header.clock);
      break;
    case Kind::values:
      state_->take_values(*flight, message);
      break;
    case Kind::done:
      break;
    case Kind::moved:
      state_->wants_roster = true;
      way->due_ms = now_ms + std::min(soon_ms, way->retry_ms);
      return;
    case Kind::unknown_keys:
      if (!flight->message.header.has(Flag::keys_cached)) return;  // they are on their way
      way->forget_keys();
      way->send_again(false);
      return;
    case Kind::refused:
      throw unavailable_error("server " + std::to_string(way->server) + " refuses a " +
                                  name_of(flight->message.header.kind) + " of worker " +
                                  std::to_string(state_->number) + ": " +
                                  std::string(text_of(message)),
                              "parameter servers", "see the log of the servers");
    default:
      return;
  }
  state_->answered(*way, *flight);
}

void WorkerMachine::State::assign(Way& way) {
  if (roster.servers.empty()) return;
  std::vector<bool> can;
  for (const Roster::Server& server : roster.servers) can.push_back(server.alive && server.current);
  can.resize(static_cast<size_t>(map.servers()), false);
  way.server = map.serving(way.home(), can);
}

bool WorkerMachine::see(const Roster& roster) {
  State& state = *state_;
  if (roster.view < state.roster.view || roster == state.roster) return false;
  bool any_moved = false;
  const Roster before = std::exchange(state.roster, roster);
  for (Way& way : state.ways) {
    const int server = way.server;
    state.assign(way);
    const auto s = static_cast<size_t>(std::max(0, way.server));
    const bool other = way.server >= 0 && s < before.servers.size() &&
                       before.servers[s].address != state.roster.servers[s].address;
    if (server == way.server && !other) continue;
    any_moved = true;
    if (before.view > 0) ++state.report.failovers;
    way.open = true;
    way.forget_keys();
    way.send_again(true);
  }
  return any_moved;
}

void WorkerMachine::lost(int server) {
  for (Way& way : state_->ways) {
    if (way.server != server) continue;
    way.open = false;
    way.send_again(true);
  }
}

void WorkerMachine::found(int server) {
  for (Way& way : state_->ways) {
    if (way.server == server) way.open = true;
  }
}

void WorkerMachine::elapse(int64_t now_ms) {
  for (Way& way : state_->ways) {
    if (way.flights().empty() || !way.flights().front()->sent || now_ms < way.due_ms) continue;
    way.retry_ms = std::min(max_retry_ms, way.retry_ms * 2);
    way.due_ms = now_ms + way.retry_ms;
    way.send_again(false);
  }
}

bool WorkerMachine::wants_roster() {
  return std::exchange(state_->wants_roster, false);
}

}  // namespace podium::ps
