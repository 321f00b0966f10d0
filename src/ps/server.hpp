// Server: one parameter server, as a machine of states: what it knows, and what it says to what it
// is told. It neither waits nor communicates; a station's loop does that, or a simulated network in
// tests, which makes every interleaving repeatable.
//
// It holds the range of its home, and copies of those whose backup it is. For what it answers for
// it carries out each message of a worker once, in order, relays it to its backups, and answers
// when they have it too: no acknowledged push is lost with a server. Pulls that the consistency
// does not allow yet wait here, and are answered by the tick, or departure, that allows them.
//
// Roles follow the roster alone. A relayed message is carried out whatever this server thinks its
// role is, so two servers that act on different views do no harm: each replica carries out each
// number of each worker once, and an update is acknowledged when all that the answering server
// knows have it.
//
// Its allocations stay: what it answers is made in memory that it uses again.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
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
  Outgoing message;     // sealed; views the server's memory, and the message that it handles
};

// What a server has done so far, for reports.
struct ServerReport {
  uint64_t pushes = 0, pulls = 0;     // carried out, answered
  uint64_t duplicates = 0, late = 0;  // known numbers; pushes of a step that has ended
  uint64_t gaps = 0, refused = 0;     // numbers that skip others; what cannot be
  uint64_t relayed = 0, bytes_in = 0, bytes_out = 0;  // bytes: of payloads
  uint64_t waited_pulls = 0;
  std::vector<uint64_t> staleness;  // reads by age: clocks that the values lag behind the reader's

  void add(const ServerReport& other);
};

class Server {
 public:
  Server(int number, KeyMap map, const GroupOptions& options);
  ~Server();

  // Θ at the beginning, or all layers (rules.hpp), one after the other, of servers that end: what
  // this one holds or backs up is kept. A server that takes the place of one that died is not
  // initialised: it asks for its state, and gets it by messages.
  void initialise(std::span<const float> state);

  // Who is there; an older view than the last changes nothing. A server that still lacks state asks
  // for it again with each call: to be called now and then (every 100 ms) until current().
  // Answers are valid until the next call of see() or handle().
  std::span<const Answer> see(const Roster& roster);
  // A message of a worker or of another server. What cannot be is answered by Kind::refused, to a
  // worker, or ignored. Nothing is thrown but for want of memory.
  std::span<const Answer> handle(const Incoming& message);

  // Holds all that it is to hold: the roster may say so of it.
  bool current() const;
  ServerReport report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::ps
