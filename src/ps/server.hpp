// Server: one parameter server, as a machine of states: what it knows, and what it says to what it
// is told. It neither waits nor communicates; a station's loop (server_loop.hpp) does that, or a
// simulated network in tests, which makes every interleaving repeatable.
//
// It holds the ranges of its home, and copies of those whose backup it is. For what it answers for
// it carries out each message of a worker once, in order, tells its backups, and answers when they
// have it too: no acknowledged push is lost with a server. Pulls that the consistency does not
// allow yet wait here, and are answered by the push, tick, or departure that allows them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ps/keys.hpp"
#include "ps/options.hpp"
#include "ps/roster.hpp"

namespace podium::ps {

// Where answers go: the loop knows the peers behind these.
struct Answer {
  enum class To { worker, server };
  To to = To::worker;
  uint32_t number = 0;  // of the worker, or of the server
  Outgoing message;     // views the server's memory, until its next call
};

// What a server has done so far, for reports.
struct ServerReport {
  uint64_t pushes = 0, pulls = 0, duplicates = 0, late = 0;
  uint64_t bytes_in = 0, bytes_out = 0;
  uint64_t waited_pulls = 0;
  std::vector<uint64_t> staleness;  // reads by age: clocks that the values lag behind the reader's
};

class Server {
 public:
  Server(int number, KeyMap map, const GroupOptions& options);
  ~Server();

  // Θ at the beginning: the part this server holds or backs up is kept. Workers are answered from
  // then on.
  void initialise(std::span<const float> theta);

  // Whether it holds all of its ranges: after initialise(), or, as one that joins, when the state of
  // each has come from those who hold it.
  bool current() const;

  // Who is there. Makes it the one that answers for a range whose primary has gone.
  std::vector<Answer> see(const Roster& roster);
  // A message of a worker or of another server.
  std::vector<Answer> handle(const Incoming& message);

  ServerReport report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::ps
