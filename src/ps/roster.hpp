// Roster: who is there, as the rank that keeps the servers sees it, and everybody is told.
//
// The rank starts servers, watches them, and restarts those that die (tcp/server_group.hpp). Each
// change makes a new view. Workers act on the newest view they have: they send to the server that
// it says answers for a range, and send again what an earlier one had not answered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace podium::ps {

// The number of who only reads what there is: nobody waits for it, and it for nobody.
inline constexpr uint32_t observer = UINT32_MAX;

struct Roster {
  uint32_t view = 0;  // grows with every change
  struct Server {
    std::string address;
    bool alive = false;    // it is there
    bool current = false;  // it holds its ranges: false while a restarted one still receives them
  };
  std::vector<Server> servers;    // by number
  std::vector<uint32_t> workers;  // those that the bound on staleness waits for

  bool operator==(const Roster&) const = default;
};
inline bool operator==(const Roster::Server& a, const Roster::Server& b) {
  return a.address == b.address && a.alive == b.alive && a.current == b.current;
}

}  // namespace podium::ps
