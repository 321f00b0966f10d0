// How other servers come to have the same: what workers do is relayed to the backups, which carry
// it out by the same rules, and a server that joins gets a home as it is.
#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.hpp"
#include "ps/server_state.hpp"

namespace podium::ps {

uint64_t Server::State::bit_of(const Home& home, int server) const {
  return uint64_t{1} << (server - home.number + map.servers()) % map.servers();
}

void Server::State::relay(Home& home, const Incoming& message, const Body& body, int to) {
  ++report.relayed;
  Outgoing& copy = answers.add(Answer::To::server, static_cast<uint32_t>(to)).message;
  copy.header = message.header;
  copy.header.flags |= Flag::relayed;
  copy.header.from = static_cast<uint16_t>(number);
  if (message.header.kind == Kind::hello) {
    const Member* member = home.members.find(message.header.worker);
    copy.header.clock = member->clock;
  }
  copy.segments.assign(message.segments.begin(), message.segments.end());
  if (message.header.has(Flag::keys_cached)) {
    copy.header.flags &= static_cast<uint16_t>(~Flag::keys_cached);
    copy.payload.push_back(std::as_bytes(body.keys));
  }
  copy.payload.push_back(message.payload);
  seal(copy);
}

void Server::State::settle(Home& home, const Incoming& message, const Body& body) {
  const Header& header = message.header;
  if (home.backups.empty()) {
    note_settled(home, header);
    if (header.kind == Kind::push_pull) {
      read(home, header, message.segments, body.keys);
    } else {
      complete(home, {header, {}, {}});
    }
    return;
  }
  Pending pending;
  pending.asked.header = header;
  if (header.kind == Kind::push_pull) {
    pending.asked.segments.assign(message.segments.begin(), message.segments.end());
    pending.asked.keys.assign(body.keys.begin(), body.keys.end());
  }
  for (const int backup : home.backups) {
    pending.awaited |= bit_of(home, backup);
    relay(home, message, body, backup);
  }
  home.pending.push_back(std::move(pending));
}

void Server::State::note_settled(Home& home, const Header& header) {
  Member* member = home.members.find(header.worker);
  if (member != nullptr) member->settled = std::max(member->settled, header.sequence);
}

// Every backup has it: the worker is told.
void Server::State::complete(Home& home, const Asked& asked) {
  if (asked.header.kind == Kind::push_pull) {
    read(home, asked.header, asked.segments, asked.keys);
    return;
  }
  const bool hello = asked.header.kind == Kind::hello;
  Outgoing& message = reply(hello ? Kind::welcome : Kind::done, asked.header);
  if (hello) {
    const Member* member = home.members.find(asked.header.worker);
    if (member != nullptr) message.header.clock = member->clock;
  }
  seal(message);
}

void Server::State::complete_settled(Home& home) {
  while (true) {
    const auto settled = std::find_if(home.pending.begin(), home.pending.end(),
                                      [](const Pending& pending) { return pending.awaited == 0; });
    if (settled == home.pending.end()) return;
    const Asked asked = std::move(settled->asked);
    home.pending.erase(settled);
    note_settled(home, asked.header);
    complete(home, asked);
  }
}

// By a backup: all numbers of the worker up to this one are carried out, and it is at that clock.
void Server::State::acknowledge(Home& home, const Header& relayed, uint64_t sequence) {
  Outgoing& message = answers.add(Answer::To::server, relayed.from).message;
  message.header.kind = Kind::forwarded;
  message.header.worker = relayed.worker;
  message.header.sequence = sequence;
  const Member* member = home.members.find(relayed.worker);
  if (member != nullptr) message.header.clock = member->clock;
  message.header.home = static_cast<uint16_t>(home.number);
  message.header.from = static_cast<uint16_t>(number);
  message.header.view = roster.view;
  seal(message);
}

void Server::State::forwarded(const Header& header) {
  Home* home = held(header.home);
  if (home == nullptr || header.from >= map.servers() || !map.holds(header.from, header.home)) {
    return;
  }
  const uint64_t bit = bit_of(*home, header.from);
  for (Pending& pending : home->pending) {
    const Header& asked = pending.asked.header;
    if (asked.worker != header.worker || asked.sequence > header.sequence) continue;
    pending.awaited &= ~bit;
    // A backup that had welcomed the worker itself may have let it begin later, and gone on.
    Member* member = home->members.find(header.worker);
    if (asked.kind == Kind::hello && member != nullptr) lift(*home, *member, header.clock);
  }
  release(*home);
  complete_settled(*home);
}

void Server::State::ask_for_state() {
  for (const auto& home : homes) {
    if (home == nullptr || home->installed || roster.servers.empty()) continue;
    std::vector<bool> can;
    for (const Roster::Server& server : roster.servers) {
      can.push_back(server.alive && server.current);
    }
    can.resize(static_cast<size_t>(map.servers()), false);
    const int serving = map.serving(home->number, can);
    if (serving < 0 || serving == number) continue;
    if (home->asked != serving) home->calls = 0;
    home->asked = serving;
    if (!std::has_single_bit(++home->calls)) continue;  // less and less often: it may be large
    Answer& answer = answers.add(Answer::To::server, static_cast<uint32_t>(serving));
    Header& header = answer.message.header;
    header.kind = Kind::want;
    header.home = static_cast<uint16_t>(home->number);
    header.from = static_cast<uint16_t>(number);
    header.view = roster.view;
    seal(answer.message);
  }
}

void Server::State::give_state(const Header& request) {
  Home* home = held(request.home);
  const int to = request.from;
  if (home == nullptr || !home->answers || to >= map.servers() || to == number) return;
  const auto index = static_cast<size_t>(to);
  if (!map.holds(to, home->number)) return;
  // Only to one that this server knows to be there and without: otherwise it asks again.
  if (request.view > roster.view || index >= roster.servers.size()) return;
  if (!roster.servers[index].alive || roster.servers[index].current) return;
  Outgoing& message = answers.add(Answer::To::server, static_cast<uint32_t>(to)).message;
  std::vector<uint64_t>& words = answers.words();
  words.assign(2, 0);
  words[1] = home->ended;
  home->members.describe(words);
  std::vector<std::span<const std::byte>> memory;
  home->shard.describe(words, memory);
  words[0] = words.size();
  message.header.kind = Kind::state;
  message.header.home = request.home;
  message.header.from = static_cast<uint16_t>(number);
  message.header.view = roster.view;
  message.payload.push_back(std::as_bytes(std::span(words)));
  message.payload.insert(message.payload.end(), memory.begin(), memory.end());
  seal(message);
  // From now on it is told what happens. What it was told before it had its state, and ignored, it
  // is told again when the worker asks again.
  if (std::find(home->given.begin(), home->given.end(), to) == home->given.end()) {
    home->given.push_back(to);
  }
  assign_roles(*home);
}

void Server::State::install(const Incoming& message) {
  Home* home = held(message.header.home);
  if (home == nullptr || home->installed) return;
  std::vector<bool> can;
  for (const Roster::Server& server : roster.servers) can.push_back(server.alive && server.current);
  can.resize(static_cast<size_t>(map.servers()), false);
  if (map.serving(home->number, can) != message.header.from) return;  // it asks another by now
  const std::span<const std::byte> payload = message.payload;
  uint64_t count = 0;
  if (payload.size() >= sizeof(count)) std::memcpy(&count, payload.data(), sizeof(count));
  if (count < 2 || count > payload.size() / sizeof(uint64_t)) return;
  std::span<const uint64_t> words(reinterpret_cast<const uint64_t*>(payload.data()), count);
  std::span<const std::byte> rest = payload.subspan(words.size_bytes());
  const auto ended = static_cast<uint32_t>(words[1]);
  words = words.subspan(2);
  try {
    home->members.restore(words);
    home->shard.restore(words, rest);
  } catch (const Error&) {
    return;  // it asks again
  }
  home->ended = ended;
  home->installed = true;
  home->source = message.header.from;
  assign_roles(*home);
  count_members(*home);
}

}  // namespace podium::ps
