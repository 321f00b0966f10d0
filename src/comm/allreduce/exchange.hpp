// What the point-to-point algorithms are made of: two ranks that swap vectors, in segments.
//
// Some segments are under way while another is added, and before the first value of a sum two
// partners have checked that they mean the same sum. Values travel on one tag, signatures on
// another; few values travel with the signature, since there a message costs more than its bytes.
#pragma once

#include <array>
#include <vector>

#include "comm/allreduce/watch.hpp"
#include "comm/allreduce/wire.hpp"
#include "comm/elements.hpp"
#include "comm/shared_memory.hpp"

namespace podium::comm {

// Bytes of a segment: long enough that its latency does not count, and two of them stay in a
// core's cache.
inline constexpr size_t segment_bytes = size_t{128} << 10;

// The check of signatures with one pair of neighbours: start() first, then, when the first message
// is under way as well, finish().
class Introduction {
 public:
  // Tells `to` and hears from `from`; negative: nobody.
  void start(Watch& watch, int to, int from);
  // Throws internal_error when `from` sums something else.
  void finish(Watch& watch, const char* step = "meeting");

 private:
  Signature mine_;
  Signature theirs_;
  Request sent_;
  Request received_;
  int to_ = -1;
  int from_ = -1;
};

// Makes room for `bytes`, once for all that are not longer.
void grow(AlignedBytes& memory, size_t bytes);

// Bytes that travel with a signature: with it, they are a message that MPI sends without asking.
inline constexpr size_t brief_bytes = size_t{3} << 10;

// One swap of two ranks. What goes out and what comes in are parts of the vector that `wire` knows.
struct Swap {
  int peer;
  Elements outgoing;
  Elements incoming;
  const Wire& wire;
  const char* step;  // for messages
  float share = 1;   // of the error of rounding `outgoing`, that this rank keeps
};

class Exchange {
 public:
  // incoming += what the peer sends, while it gets `outgoing`, which is rounded in place if it is
  // rounded at all. Either may be empty, and they may be the same memory. Lengths must be what the
  // peer expects.
  void swap_add(Watch& watch, const Swap& swap);
  // incoming = what the peer sends; `outgoing` is rounded already, if at all. The two do not
  // overlap. After a swap_add of the same sum with the same peer.
  void swap(Watch& watch, const Swap& swap);

 private:
  static constexpr size_t window = 4;  // segments under way in each direction

  struct Greeting {
    alignas(line_bytes) std::array<std::byte, sizeof(Signature) + brief_bytes> bytes;
    std::byte* values() { return bytes.data() + sizeof(Signature); }
  };

  void greet(Watch& watch, const Swap& swap);
  void hear_greeting(Watch& watch, const Swap& swap);
  std::span<const std::byte> outgoing_bytes(const Swap& swap, const Elements& part, size_t slot);
  static void add_landed(const Swap& swap, const Elements& part, const std::byte* landed);

  std::array<AlignedBytes, window> landing_;
  std::array<AlignedBytes, window> packed_;  // where values are rounded
  Greeting mine_;
  Greeting theirs_;
  Request greeted_;
  Request heard_;
};

}  // namespace podium::comm
