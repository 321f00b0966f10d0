// What the point-to-point algorithms are made of: two ranks that swap vectors, in segments.
//
// One segment is under way while another is added, and before the first value of a sum two partners
// have checked that they mean the same sum. Values travel on one tag, signatures on another.
#pragma once

#include <array>
#include <vector>

#include "comm/allreduce/watch.hpp"
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

class Exchange {
 public:
  // incoming += what `peer` sends, while it gets `outgoing`; either may be empty, and they may be
  // the same memory. Lengths must be what the peer expects.
  void swap_add(Watch& watch, int peer, const Elements& outgoing, const Elements& incoming,
                const char* step);
  // incoming = what `peer` sends. The two do not overlap. After a swap_add of the same sum with the
  // same peer.
  void swap(Watch& watch, int peer, const Elements& outgoing, const Elements& incoming,
            const char* step);

 private:
  std::array<AlignedBytes, 2> landing_;
  Introduction introduction_;
};

}  // namespace podium::comm
