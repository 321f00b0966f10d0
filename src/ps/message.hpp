// Message: what workers and parameter servers say to each other, whatever carries it.
//
//   message  := header:u8[64] segments:Segment[header.segments] payload:u8[header.bytes]
//   header   := the fields of Header in their order, little-endian, without gaps
//   segment  := first:u64 count:u64            values [first, first + count) of Θ
//
// A payload holds the values of the segments one after the other, as `encoding` says; of a sparse
// message first its keys. A transport hands over whole messages, of one peer in the order in which
// they were sent; only injected faults (faults.hpp) break that.
//
// Order and duplicates: a worker numbers its messages to each server (`sequence`, from 1). A server
// carries out each number once, in order, and answers a number that it has carried out before with
// the answer it gave then. A message sent again after a failure keeps its number. So every push
// counts exactly once, and pushes of one worker to one range take effect in the order in which they
// were made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace podium::ps {

enum class Kind : uint8_t {
  // worker to server
  hello = 1,      // `worker` joins at `clock`; answered by welcome
  push = 2,       // gradients; answered by done
  pull = 3,       // answered by values, or, where the bound on staleness asks, later
  push_pull = 4,  // both at once: answered by values that hold the push
  tick = 5,       // `worker` has finished `clock`; answered by done
  leave = 6,      // `worker` goes; nobody waits for it any more
  // server to worker
  welcome = 16,
  done = 17,     // carried out, and on every backup
  values = 18,   // of Θ, at `clock`: that of the slowest worker they hold whole
  refused = 19,  // payload: one line that says why
  // server to server
  forward = 32,    // a message of a worker, in the order in which the primary carries it out
  forwarded = 33,  // by the backup
  state = 34,      // a range as it is: values, optimizer state, clocks (to a server that joins)

  // of a connection (tcp/wire.hpp)
  greet = 64,    // payload: the secret; `clock`: bytes of the window that comes with it
  greeted = 65,  // the secret is right; `clock`: bytes of the window that is used
  // between a group, its servers and its workers (tcp/control.hpp)
  ready = 72,    // server: it listens; payload: its address; `worker`: its number
  setup = 73,    // group: what a server is to be; payload: text, then Θ where it has it
  seen = 74,     // server: it acts on `view`; `clock`: 1 once it holds its ranges
  roster = 75,   // group, to all: who is there; payload: text
  join = 76,     // worker: it takes part as `worker`
  left = 77,     // server: `worker` has said that it goes
  ping = 78,     // group
  pong = 79,     // server, worker
  measure = 80,  // group: asks for a report
  report = 81,   // server; payload: text
};

enum class Encoding : uint8_t { fp32 = 0, fp16 = 1, bf16 = 2 };

enum Flag : uint16_t {
  sparse = 1,       // the payload begins with the keys: u32[count], each a row of `width` values
  keys_cached = 2,  // ... which the server remembers from the message with this `keys_hash`
};

struct Header {
  Kind kind{};
  Encoding encoding{};
  uint16_t flags = 0;
  uint32_t worker = 0;     // who asks, or asked
  uint64_t sequence = 0;   // of this worker's messages to this server; an answer repeats it
  uint64_t clock = 0;      // finished steps of the worker; of values: see Kind::values
  uint64_t keys_hash = 0;  // of the keys of a sparse message
  uint64_t bytes = 0;      // of the payload
  float scale = 1;         // of pushed values: what the server multiplies them by
  uint32_t segments = 0;
  uint32_t view = 0;   // of the roster (roster.hpp) that the sender knows
  uint32_t width = 0;  // values per key, of a sparse message
  uint64_t reserved = 0;
};
static_assert(sizeof(Header) == 64);

struct Segment {
  uint64_t first = 0;
  uint64_t count = 0;

  bool operator==(const Segment&) const = default;
};

// A message to send: views of memory that must stay until it has gone. Several spans of payload
// travel one after the other without being copied together.
struct Outgoing {
  Header header;
  std::vector<Segment> segments;
  std::vector<std::span<const std::byte>> payload;
};

// A received message: views, valid until the next one is received.
struct Incoming {
  Header header;
  std::span<const Segment> segments;
  std::span<const std::byte> payload;
};

}  // namespace podium::ps
