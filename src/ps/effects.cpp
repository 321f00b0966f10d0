// What workers do to a home: join, push, end a step, leave. Each number of a worker once, in order.
#include <algorithm>
#include <optional>

#include "ps/server_state.hpp"

namespace podium::ps {
namespace {

// So many steps may a worker be ahead of the slowest, in bsp: each is held in memory.
constexpr uint32_t max_steps_ahead = 16;

bool pushes(Kind kind) {
  return kind == Kind::push || kind == Kind::push_pull;
}

bool ascending(std::span<const uint32_t> keys) {
  bool all = true;
  for (size_t i = 1; i < keys.size(); ++i) all &= keys[i - 1] < keys[i];
  return all;
}

// Whether all rows lie in `range`; `keys` ascend.
bool rows_within(const Segment& range, uint64_t table, std::span<const uint32_t> keys,
                 uint32_t width) {
  if (keys.empty()) return true;
  const uint64_t end = range.first + range.count;
  if (table > end) return false;
  const uint64_t begin = table + uint64_t{keys.front()} * width;
  return begin >= range.first && (uint64_t{keys.back()} + 1) * width <= end - table;
}

// How many values the segments have; nothing if one is not in `range`, or they are more than it.
std::optional<uint64_t> values_within(const Segment& range, std::span<const Segment> segments) {
  uint64_t total = 0;
  for (const Segment& segment : segments) {
    if (segment.first < range.first || segment.count > range.count) return std::nullopt;
    if (segment.first - range.first > range.count - segment.count) return std::nullopt;
    total += segment.count;
  }
  if (total > range.count) return std::nullopt;
  return total;
}

std::string other_length() {
  return "its payload is not as long as its segments say";
}

}  // namespace

bool Server::State::read_body(Home& home, const Incoming& message, Body& body) {
  const Header& header = message.header;
  const bool has_values = pushes(header.kind);
  const Segment& range = home.shard.range();
  body.values = message.payload;
  uint64_t values = 0;
  if (header.has(Flag::sparse)) {
    if (message.segments.size() != 1 || header.width == 0) {
      refuse(header, "a sparse message has one segment and a width");
      return false;
    }
    const Segment& table = message.segments.front();
    if (header.has(Flag::keys_cached)) {
      const std::vector<uint32_t>* keys = home.keys.find(header.keys_hash);
      if (keys == nullptr || keys->size() != table.count) {
        if (!header.has(Flag::relayed)) seal(reply(Kind::unknown_keys, header));
        return false;
      }
      body.keys = *keys;
    } else {
      if (table.count > body.values.size() / sizeof(uint32_t)) {
        refuse(header, other_length());
        return false;
      }
      body.keys = {reinterpret_cast<const uint32_t*>(body.values.data()), table.count};
      body.values = body.values.subspan(body.keys.size_bytes());
    }
    if (!ascending(body.keys) || !rows_within(range, table.first, body.keys, header.width)) {
      refuse(header, "its keys do not ascend, or are not all of this server's range");
      return false;
    }
    values = has_values ? body.keys.size() * header.width : 0;
  } else {
    if (header.width >= (has_values ? 1 : home.shard.layers())) {
      refuse(header, "it names a layer that there is not");
      return false;
    }
    const auto total = values_within(range, message.segments);
    if (!total) {
      refuse(header, "its segments are not all of this server's range");
      return false;
    }
    values = has_values ? *total : 0;
  }
  if (body.values.size() != values * bytes_per_value(header.encoding)) {
    refuse(header, other_length());
    return false;
  }
  if (header.has(Flag::sparse) && !header.has(Flag::keys_cached) && header.keys_hash != 0) {
    home.keys.put(header.keys_hash, body.keys);
  }
  return true;
}

void Server::State::effect(const Incoming& message) {
  const Header& header = message.header;
  const bool relayed = header.has(Flag::relayed);
  Home* home = held(header.home);
  if (home == nullptr || !home->installed || (!relayed && !home->answers)) {
    if (!relayed) seal(reply(Kind::moved, header));
    return;
  }
  Member* member = admit(*home, header);
  if (member == nullptr) return;
  if (header.sequence <= member->sequence) {
    known(*home, *member, message);
    return;
  }
  if (header.kind != Kind::hello && header.sequence != member->sequence + 1) {
    ++report.gaps;
    return;
  }
  Body body;
  if (!read_body(*home, message, body)) return;
  if (!carry_out(*home, *member, header, body, message.segments)) return;
  member->sequence = header.sequence;
  if (relayed) {
    acknowledge(*home, header, header.sequence);
  } else {
    settle(*home, message, body);
  }
  if (header.kind != Kind::push) release(*home);
}

// The worker that the message is of, if it takes part; otherwise it is told.
Member* Server::State::admit(Home& home, const Header& header) {
  Member* member = home.members.find(header.worker);
  if (header.kind == Kind::hello) return greet(home, header, member);
  if (member != nullptr && (member->greeted || header.sequence <= member->sequence)) return member;
  if (member != nullptr && header.has(Flag::relayed)) {
    return member;  // another server has taken it: it was dropped here a moment sooner
  }
  if (header.kind == Kind::leave) {  // it is gone, as it wishes
    seal(reply(Kind::done, header));
    return nullptr;
  }
  refuse(header, "worker " + std::to_string(header.worker) + " does not take part");
  return nullptr;
}

Member* Server::State::greet(Home& home, const Header& header, Member* member) {
  if (header.worker == observer) {
    refuse(header, "an observer cannot join");
    return nullptr;
  }
  const bool listed = std::find(roster.workers.begin(), roster.workers.end(), header.worker) !=
                      roster.workers.end();
  const bool relayed = header.has(Flag::relayed);
  if (!listed && !relayed && roster.view > 0 && header.view <= roster.view) {
    refuse(header, "worker " + std::to_string(header.worker) + " is not on the roster");
    return nullptr;
  }
  if (member == nullptr) member = &home.members.add(header.worker, present(home));
  return member;
}

bool Server::State::carry_out(Home& home, Member& member, const Header& header, const Body& body,
                              std::span<const Segment> segments) {
  const Pushed pushed{header.encoding, header.scale, header.lr,
                      segments,        body.keys,    header.has(Flag::sparse) ? header.width : 0,
                      body.values};
  if (pushes(header.kind) && !take_push(home, member, header, pushed)) return false;
  switch (header.kind) {
    case Kind::hello:
      begin(home, member, header);
      forget_asked(home, header.worker);
      // A step that an earlier one of this number had not finished is begun again.
      if (member.sequence != 0 && !member.left) home.shard.forget(member.number, member.clock);
      member.greeted = true;
      member.counts = true;
      member.left = false;
      member.view = header.view;
      break;
    case Kind::leave:
      member.counts = false;
      member.left = true;
      break;
    case Kind::tick:
      member.clock = std::max(member.clock, header.clock);
      break;
    default:
      if (header.has(Flag::ticks)) member.clock = std::max(member.clock, header.clock + 1);
      break;
  }
  if (header.kind == Kind::push || (header.kind == Kind::push_pull && !header.has(Flag::ticks))) {
    return true;
  }
  home.members.update();
  advance(home);
  return true;
}

// Where a worker that says hello begins: one that all have waited for since it was on the roster at
// the first step, others at the slowest. A backup does as the server that answers has decided.
void Server::State::begin(Home& home, Member& member, const Header& header) const {
  if (header.has(Flag::relayed)) {
    // One that had dropped the worker may have ended steps without it: its answer says so.
    member.clock = std::max(header.clock, home.ended);
  } else if (member.sequence != 0 || !member.counts) {
    member.counts = false;
    home.members.update();
    member.clock = std::max(member.clock, present(home));
  }
}

// A worker is where its messages say, once all before them are carried out: a home or a replica
// that let it begin sooner follows.
void Server::State::lift(Home& home, Member& member, uint32_t clock) {
  if (clock <= member.clock) return;
  member.clock = clock;
  home.members.update();
  advance(home);
}

bool Server::State::take_push(Home& home, Member& member, const Header& header,
                              const Pushed& pushed) {
  // What another server has taken is taken, whatever this one thinks of the clock.
  if (!header.has(Flag::relayed) && header.clock < member.clock) {
    ++report.late;
    refuse(header, "a push of step " + std::to_string(header.clock) + " while worker " +
                       std::to_string(member.number) + " is at " + std::to_string(member.clock));
    return false;
  }
  if (by_step() && header.clock > present(home) + max_steps_ahead) {
    refuse(header, "a push " + std::to_string(header.clock - present(home)) +
                       " steps ahead of the slowest worker: pull in every step");
    return false;
  }
  lift(home, member, header.clock);
  ++report.pushes;
  if (by_step() && header.clock >= home.ended) {
    home.shard.hold(member.number, header.clock, pushed);
  } else {
    home.shard.push(pushed);
  }
  return true;
}

// A number that was carried out before: answered again, as soon as the backups have it.
void Server::State::known(Home& home, Member& member, const Incoming& message) {
  const Header& header = message.header;
  ++report.duplicates;
  if (header.has(Flag::relayed)) {
    acknowledge(home, header, member.sequence);
    return;
  }
  const auto pending =
      std::find_if(home.pending.begin(), home.pending.end(), [&](const Pending& other) {
        return other.asked.header.worker == header.worker &&
               other.asked.header.sequence == header.sequence;
      });
  Body body;
  if (!read_body(home, message, body)) return;
  if (pending == home.pending.end() && header.sequence > member.settled) {
    settle(home, message, body);  // another server had carried it out, but had not told all
    return;
  }
  if (pending == home.pending.end()) {
    complete(home, {header,
                    {message.segments.begin(), message.segments.end()},
                    {body.keys.begin(), body.keys.end()}});
    return;
  }
  pending->asked.header.ticket = header.ticket;
  for (const int backup : home.backups) {
    if ((pending->awaited & bit_of(home, backup)) != 0) relay(home, message, body, backup);
  }
}

// In bsp: what was pushed in steps that have ended for all goes into Θ.
void Server::State::advance(Home& home) {
  if (!by_step()) return;
  const bool nobody = !home.members.any_counts();
  while (home.shard.holds_any() && (nobody || home.shard.oldest_held() < home.members.slowest())) {
    const uint32_t clock = home.shard.oldest_held();
    home.shard.commit(clock);
    home.ended = std::max(home.ended, clock + 1);
  }
  home.ended = std::max(home.ended, home.members.slowest());
}

}  // namespace podium::ps
