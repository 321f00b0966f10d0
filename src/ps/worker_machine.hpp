// WorkerMachine: a worker's side of the protocol, as a machine of states: it says what is to be
// sent to which server, and is told what came. It neither waits nor communicates: worker.hpp does
// that over links, a simulated network in tests.
//
// What was asked is a flight per home until it is answered. Flights are sent in the order in which
// they were asked, and all unanswered ones again, in that order, when another server answers for
// the home, a link was lost, or nothing came for the group's `retry`.
//
// Threads: one. Times are of the caller's clock, in ms, and only ever compared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ps/keys.hpp"
#include "ps/options.hpp"
#include "ps/roster.hpp"

namespace podium::ps {

struct PushOptions {
  float scale = 1;  // factor on the values
  float lr = -1;    // the learning rate, for the rules that have one; below 0: the group's
};

// A range of Θ and where its values are, or are to go.
struct Slice {
  size_t first = 0;
  std::span<const float> values;
};
struct Room {
  size_t first = 0;
  std::span<float> values;
};

// Rows of a table in Θ that begins at `first`: row k has `width` values. No row may lie on two
// servers: NamedSize::row sees to that.
struct Rows {
  size_t first = 0;
  uint32_t width = 1;
  std::span<const uint32_t> keys;  // ascending, without doubles
};

struct WorkerReport {
  uint64_t bytes_sent = 0, bytes_received = 0;  // of payloads
  uint64_t bytes_saved_keys = 0, bytes_saved_encoding = 0, bytes_saved_significance = 0;
  uint64_t resent = 0, failovers = 0;
  double waited_s = 0;
  std::vector<uint64_t> staleness;  // answered pulls by the age of what they brought, in clocks
};

class WorkerMachine {
 public:
  using Ticket = uint64_t;

  // `first_sequence`: above every sequence of an earlier worker of this number, for instance the
  // microseconds since 1970. Says hello to every home.
  WorkerMachine(uint32_t number, KeyMap map, const GroupOptions& options, uint64_t first_sequence,
                const Roster& roster);
  ~WorkerMachine();

  uint32_t number() const;
  uint64_t clock() const;
  const KeyMap& map() const;
  // Every server has welcomed it; nothing else may be asked before.
  bool joined() const;

  // As worker.hpp. What these view must stay until done(ticket).
  Ticket push(std::span<const Slice> slices, const PushOptions& options);
  Ticket pull(std::span<const Room> rooms, size_t layer = 0);
  Ticket push_pull(const Slice& slice, const Room& room, const PushOptions& options);
  Ticket push(const Rows& rows, std::span<const float> values, const PushOptions& options);
  Ticket pull(const Rows& rows, std::span<float> values);
  Ticket step(std::span<const float> gradients, std::span<float> theta, const PushOptions& options);
  // REQUIRES, of both: all tickets are done.
  Ticket tick();
  Ticket leave();

  bool done(Ticket ticket) const;
  bool idle() const;           // nothing is under way
  Ticket oldest_open() const;  // 0: none
  // A server of an unfinished ticket, for waits and their messages: -1: none.
  int waits_for(Ticket ticket) const;
  const char* operation_of(Ticket ticket) const;

  // The next message that is to go now, if any. It stays as it is until it is answered, or sent
  // again; what it views, until its ticket is done. `again`: it may be on its way already, and
  // whoever still reads its memory to send it is to be stopped: by another link, with lost(server)
  // and found(server), after which this and others depart anew.
  struct Departure {
    int server = -1;
    const Outgoing* message = nullptr;
    bool again = false;
    explicit operator bool() const { return message != nullptr; }
  };
  Departure next_departure(int64_t now_ms);
  // Where the payload of an answer may be received; empty: anywhere.
  std::span<std::byte> place(const Header& header);
  // Throws unavailable_error if a server refuses, internal_error if an answer cannot be.
  void received(const Incoming& message, int64_t now_ms);
  // Who is there. True if another server answers for a home now: what was sent to the former one
  // is not read any more, once the link to it is closed.
  bool see(const Roster& roster);
  // The way to this server broke: nothing is sent to it until it is found again, then all again.
  void lost(int server);
  void found(int server);
  // Sends again what has waited for longer than the group's retry.
  void elapse(int64_t now_ms);
  // A server said, since the last call, that it does not answer for a home.
  bool wants_roster();
  uint32_t view() const;

  const WorkerReport& report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::ps
