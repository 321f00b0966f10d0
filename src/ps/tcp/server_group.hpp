// ServerGroup: the servers of a job as worker processes that their rank starts, watches, restarts
// and replaces, and the roster that everybody looks at.
//
// The group listens on one address. Workers of other processes ask there for the roster (look_at),
// and are told of each new view; servers report workers whose links broke, which are dropped from
// the roster unless they come back within `grace`. A server that died is replaced by its backup in
// the next view; its successor is started, receives the state of its ranges, and is current again.
//
// Threads: a group keeps a thread of its own; its functions may be called from any.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "ps/keys.hpp"
#include "ps/options.hpp"
#include "ps/roster.hpp"
#include "ps/server.hpp"
#include "ps/worker.hpp"

namespace podium::ps {

class ServerGroup {
 public:
  struct Options {
    GroupOptions group;
    std::string listen = "127.0.0.1:0";       // where it is asked for the roster
    std::string secret;                       // which all that connect must show; empty: made up
    std::chrono::milliseconds grace{2000};    // for a worker whose process has gone to come back
    std::chrono::milliseconds silence{5000};  // who answers nothing for so long is taken for dead
    bool shared_memory = true;                // between processes of one node, for large payloads
    Log log;
  };

  // Starts the servers with `state`: Θ, or what state() was of a group that it goes on from. Throws
  // io_error, unavailable_error.
  ServerGroup(std::vector<NamedSize> buffers, std::span<const float> state, Options options);
  // Ends the servers.
  ~ServerGroup();

  // What another process needs to take part: address and secret, one line.
  std::string ticket() const;
  Roster roster() const;
  // The server's process, to be killed by tests; 0: none now.
  int pid(int server) const;
  // Sums over the servers that answer within a second.
  ServerReport report() const;
  // Θ as it is now, from the servers; and with it what their rule keeps: all layers (rules.hpp).
  std::vector<float> theta();
  std::vector<float> state();
  int restarts() const;
  // Whether all holders of some range have died: its values are gone.
  bool lost() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A worker of a group, in any process: connects by the ticket. Throws unavailable_error.
std::unique_ptr<Worker> join_group(const std::string& ticket, uint32_t number, const KeyMap& map,
                                   const GroupOptions& options);

// The process of one server: what main() runs for the command that the group starts it with.
bool is_server_command(const std::vector<std::string>& arguments);
[[noreturn]] void run_server(const std::vector<std::string>& arguments);

}  // namespace podium::ps
