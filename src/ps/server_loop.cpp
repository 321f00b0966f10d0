#include "ps/server_loop.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds connect_limit{500};
constexpr Milliseconds connect_again{200};
constexpr Milliseconds ask_again{100};

bool is_of_worker(const Header& header) {
  return header.kind <= Kind::leave && !header.has(relayed);
}

bool is_of_server(const Header& header) {
  return header.kind <= Kind::state;
}

}  // namespace

ServerLoop::ServerLoop(Server& server, Station& station, Hooks hooks)
    : server_(server), station_(station), hooks_(std::move(hooks)) {
  events_.received = [this](Station::Peer peer, const Incoming& message) {
    received(peer, message);
  };
  events_.lost = [this](Station::Peer peer) { lost(peer); };
}

void ServerLoop::see(const Roster& roster) {
  if (roster.view < roster_.view) return;
  roster_ = roster;
  std::erase_if(servers_, [&](const auto& entry) {
    return entry.first >= roster.servers.size() ||
           roster.servers[entry.first].address != entry.second.address;
  });
  asked_ = SteadyClock::now();
  pass_on(server_.see(roster_));
}

void ServerLoop::run(Milliseconds patience) {
  station_.run(patience, events_);
  if (!server_.current() && SteadyClock::now() - asked_ > ask_again) see(roster_);
}

bool ServerLoop::everyone_left() const {
  return std::ranges::all_of(roster_.workers,
                             [this](uint32_t worker) { return left_.contains(worker); });
}

void ServerLoop::received(Station::Peer peer, const Incoming& message) {
  const Header& header = message.header;
  if (!is_of_server(header)) {
    if (hooks_.other) hooks_.other(peer, message);
    return;
  }
  if (is_of_worker(header)) workers_[header.worker] = peer;
  pass_on(server_.handle(message));
  if (header.kind != Kind::leave || header.has(relayed)) return;
  left_.insert(header.worker);
  if (hooks_.left) hooks_.left(header.worker);
}

void ServerLoop::lost(Station::Peer peer) {
  std::erase_if(workers_, [peer](const auto& entry) { return entry.second == peer; });
  for (auto& [number, way] : servers_) {
    if (way.peer == peer) way.open = false;
  }
  if (hooks_.lost) hooks_.lost(peer);
}

void ServerLoop::pass_on(std::span<const Answer> answers) {
  for (const Answer& answer : answers) {
    if (answer.to == Answer::To::server) {
      send_to_server(answer.number, answer.message);
    } else if (const auto found = workers_.find(answer.number); found != workers_.end()) {
      station_.send(found->second, answer.message);
    }
  }
}

void ServerLoop::send_to_server(uint32_t number, const Outgoing& message) {
  if (number >= roster_.servers.size() || !roster_.servers[number].alive) return;
  Way& way = servers_[number];
  if (!way.open) {
    if (SteadyClock::now() < way.not_before) return;
    way.address = roster_.servers[number].address;
    try {
      way.peer = station_.connect(way.address, connect_limit);
      way.open = true;
    } catch (const Error&) {
      way.not_before = SteadyClock::now() + connect_again;
      return;
    }
  }
  station_.send(way.peer, message);
}

}  // namespace podium::ps
