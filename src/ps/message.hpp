// Message: what workers and parameter servers say to each other, whatever carries it.
//
//   message  := header:u8[64] segments:Segment[header.segments] payload:u8[header.bytes]
//   header   := the fields of Header in their order, little-endian, without gaps
//   segment  := first:u64 count:u64            values [first, first + count) of Θ
//
// A payload holds the values of the segments one after the other, as `encoding` says. A sparse
// message has one segment, {where the table begins in Θ, how many keys}; its payload holds first
// the keys, u32 each, then a row of `width` values for each. A pull has no values, but its keys.
// A pull of ranges reads Θ, or another layer of what the server holds (rules.hpp).
// A transport hands over whole messages, of one peer in the order in which they were sent; only
// injected faults (faults.hpp) break that.
//
// A home is the range of Θ that a server holds while all live; its backups answer for it later, so
// messages name the home. A worker numbers what it does to each home, by `sequence`, one after the
// other. A server carries out each number once, in order: one that it knows is answered again, one
// that skips others is left unanswered until those were sent again. A message sent again after a
// failure keeps its number, so every push counts exactly once. Pulls do nothing, and have no number
// of their own: theirs is that of the last message before them, which they are to see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace podium::ps {

enum class Kind : uint8_t {
  // worker to server
  hello = 1,      // `worker` joins; any higher number than before; answered by welcome
  push = 2,       // gradients; answered by done
  pull = 3,       // answered by values, or, where the bound on staleness asks, later
  push_pull = 4,  // both at once, and a tick between them if it has that flag; answered by values
  tick = 5,       // `worker` has finished `clock` steps; answered by done
  leave = 6,      // `worker` goes; nobody waits for it any more; answered by done
  // server to worker
  welcome = 16,       // the worker is at `clock`
  done = 17,          // carried out, and on every backup
  values = 18,        // of Θ: all pushes of steps before `clock` are in them, of all workers
  refused = 19,       // payload: one line that says why
  moved = 20,         // another server answers for this home; `view` is the sender's
  unknown_keys = 21,  // not carried out: the keys are not remembered, send them again
  // server to server
  forwarded = 33,  // by a backup: a relayed message is carried out
  want = 34,       // a server that joins asks for a home as it is
  state = 35,      // ... which is this

  // of a connection (tcp/wire.hpp)
  greet = 64,    // payload: the secret; `clock`: bytes of the window that comes with it
  greeted = 65,  // the secret is right; `clock`: bytes of the window that is used
  // between a group, its servers and its workers (tcp/control.hpp)
  ready = 72,    // server: it listens; payload: its address; `worker`: its number
  setup = 73,    // group: what a server is to be; payload: what it begins with, if so, then text
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
  sparse = 1,       // rows by key instead of ranges
  keys_cached = 2,  // ... whose keys the server remembers from a message with this `keys_hash`
  ticks = 4,        // of push_pull: the push ends a step of the worker
  relayed = 8,      // passed on by the server that answers, to a backup
};

struct Header {
  Kind kind{};
  Encoding encoding{};
  uint16_t flags = 0;
  uint32_t worker = 0;     // who asks, or asked
  uint64_t sequence = 0;   // see above; an answer repeats it
  uint32_t clock = 0;      // finished steps of the worker when it sent; of answers: see Kind
  uint32_t view = 0;       // of the roster (roster.hpp) that the sender knows
  uint64_t keys_hash = 0;  // of the keys of a sparse message; 0: not to be remembered
  uint64_t bytes = 0;      // of the payload
  float scale = 1;         // of pushed values: what the server multiplies them by
  float lr = -1;           // the learning rate of this push; below 0: the group's
  uint32_t segments = 0;
  uint32_t width = 0;   // values per key, of a sparse message; else the layer that a pull reads
  uint16_t home = 0;    // whose range it is about
  uint16_t from = 0;    // the server that sends, between servers
  uint32_t ticket = 0;  // chosen by the worker, repeated by the answer

  bool has(Flag flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(Header) == 64);

inline constexpr size_t header_bytes = sizeof(Header);
inline constexpr uint32_t max_segments = uint32_t{1} << 20;
inline constexpr uint64_t max_payload_bytes = uint64_t{1} << 36;

struct Segment {
  uint64_t first = 0;
  uint64_t count = 0;

  bool operator==(const Segment&) const = default;
};
static_assert(sizeof(Segment) == 16);

// A message to send: views of memory that must stay until it has gone. Several spans of payload
// travel one after the other without being copied together.
struct Outgoing {
  Header header;
  std::vector<Segment> segments;
  std::vector<std::span<const std::byte>> payload;
};

// A received message: views, valid until the next one is received. Its payload begins at an address
// that is a multiple of 8.
struct Incoming {
  Header header;
  std::span<const Segment> segments;
  std::span<const std::byte> payload;
};

constexpr size_t bytes_per_value(Encoding encoding) {
  return encoding == Encoding::fp32 ? sizeof(float) : sizeof(uint16_t);
}
const char* name_of(Kind kind);

// Fills in `segments` and `bytes` of the header from what the message has.
void seal(Outgoing& message);
// What goes before the payload: header_bytes + 16 * segments. REQUIRES: sealed; room for it.
size_t head_bytes(const Header& header);
void encode_head(const Outgoing& message, std::byte* to);
// The header at the beginning of what was received. Throws data_error: kind, encoding or flags
// that are none, more segments or bytes than the limits above.
Header decode_header(std::span<const std::byte, header_bytes> bytes);
// A whole message, as the views of its parts; `bytes` begins at a multiple of 16. Throws
// data_error as decode_header(), and where the lengths disagree.
Incoming decode(std::span<const std::byte> bytes);
// For transports that copy, and for tests: the whole message in one piece.
std::vector<std::byte> encode(const Outgoing& message);
// The text of a refusal.
std::string_view text_of(const Incoming& message);

}  // namespace podium::ps
