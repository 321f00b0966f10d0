// ServerLoop: what drives a server (server.hpp) over a station: it hands the server what comes, and
// sends what the server says to whom it says it.
//
// It knows by which connection each worker spoke last, and connects to other servers when there is
// something to tell them. What cannot be delivered is dropped: who misses an answer asks again.
//
// Threads: one.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "core/clock.hpp"
#include "ps/link.hpp"
#include "ps/roster.hpp"
#include "ps/server.hpp"

namespace podium::ps {

class ServerLoop {
 public:
  // Messages that are not the server's own: those of a group, for instance.
  using Others = std::function<void(Station::Peer, const Incoming&)>;
  struct Hooks {
    Others other;
    std::function<void(Station::Peer)> lost;
    std::function<void(uint32_t worker)> left;  // it has said that it goes
  };

  // Both outlive it.
  ServerLoop(Server& server, Station& station, Hooks hooks);

  void see(const Roster& roster);
  // Takes what comes, for up to `patience`.
  void run(std::chrono::milliseconds patience);
  // All workers of the roster have said that they go.
  bool everyone_left() const;

 private:
  struct Way {  // to another server
    std::string address;
    Station::Peer peer = 0;
    bool open = false;
    SteadyClock::time_point not_before;  // to connect, after it failed
  };

  void received(Station::Peer peer, const Incoming& message);
  void lost(Station::Peer peer);
  void pass_on(std::span<const Answer> answers);
  void send_to_server(uint32_t number, const Outgoing& message);

  Server& server_;
  Station& station_;
  Hooks hooks_;
  Station::Events events_;
  Roster roster_;
  std::unordered_map<uint32_t, Station::Peer> workers_;
  std::map<uint32_t, Way> servers_;
  std::set<uint32_t> left_;
  SteadyClock::time_point asked_;  // for state that is missing
};

}  // namespace podium::ps
