// Segment: the IPC buffer of a pod, memory that its checkpoint ranks and inference workers share.
//
// Bucket number `seq` (counted over all updates) goes into slot seq % slots, once every worker that
// takes part has taken what was there before; or it stays in a shard that workers read where it is.
// Whoever has it there says so in note seq % most_notes, a worker says in its seat which number it
// needs next. Waiting is by futex, with a limit: a worker that takes nothing for that long is
// dropped, and the others go on.
//
// The memory has no name: a process joins by the descriptor, which the gate passes on, and nothing
// stays behind when all have ended. Any process may die at any moment without harm to the others.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ckpt/engine/block.hpp"
#include "core/file_descriptor.hpp"

namespace podium::ckpt::engine {

inline constexpr size_t most_slots = 8;
inline constexpr size_t most_notes = 4096;
inline constexpr size_t most_seats = 256;

enum class SeatState : uint32_t {
  free,
  joined,   // connected; takes no part in an update
  taking,   // takes part
  dropped,  // was too slow, has failed or has gone
};

struct alignas(128) Seat {
  std::atomic<SeatState> state;
  std::atomic<uint32_t> bell;     // rung when a bucket is there that it needs
  std::atomic<uint64_t> next;     // number of the bucket that it needs next
  std::atomic<int64_t> since_ns;  // when it took the one before (steady clock)
};

struct SegmentNote {
  std::atomic<uint64_t> holds;    // number + 1 of the bucket that is there
  std::atomic<int64_t> since_ns;  // when it was published (steady clock)
  std::atomic<uint32_t> partial;  // only what changed since the version before is there
};

// What stands at the beginning of the memory; zero at birth is the state of rest.
struct SegmentHeader {
  uint64_t magic;
  uint64_t slot_count;
  uint64_t slot_bytes;
  alignas(128) std::atomic<uint32_t> published_bell;  // rung by writers, for each other
  alignas(128) std::atomic<uint32_t> taken_bell;      // rung by workers
  std::atomic<uint64_t> asked;                        // they ring it from this number on
  SegmentNote notes[most_notes];
  Seat seats[most_seats];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

class Segment {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // Reserves the memory. Throws unavailable_error when the machine has not as much, io_error.
  // REQUIRES: 1 <= slots <= most_slots.
  Segment(size_t slots, size_t slot_bytes);
  // Joins. Throws data_error when the descriptor leads to something else.
  explicit Segment(FileDescriptor descriptor);

  int descriptor() const { return block_.descriptor(); }
  size_t slot_count() const { return header().slot_count; }
  size_t slot_bytes() const { return header().slot_bytes; }
  std::span<std::byte> slot(uint64_t seq) const;

  Seat& seat(size_t index) const { return header().seats[index]; }
  // The seat is dropped, if it takes part; who waits for it is told.
  void drop(size_t seat) const;

  // --- for who writes ---
  // Until bucket `seq` has been published and all who need it have taken it. Workers that leave a
  // published bucket for longer than `stall` are dropped. Throws internal_error when nothing
  // happens within `limit`.
  void wait_passed(uint64_t seq, Milliseconds stall, Milliseconds limit) const;
  // Until bucket `seq` may be published where it lies in no slot; the same.
  void wait_note(uint64_t seq, Milliseconds stall, Milliseconds limit) const;
  // Until all buckets before `seq` have been taken; the same.
  void wait_taken(uint64_t seq, Milliseconds stall, Milliseconds limit) const;
  // Bucket `seq` is where workers look for it; `partial`: only what changed since the version
  // before.
  void publish(uint64_t seq, bool partial = false) const;
  // Wakes all who wait, to look for what has changed elsewhere.
  void ring() const;

  // --- for a worker ---
  // Until bucket `seq` has been published: true; false when `limit` has passed or the seat is
  // dropped.
  bool wait_published(size_t seat, uint64_t seq, Milliseconds limit) const;
  bool is_partial(uint64_t seq) const { return note(seq).partial.load() != 0; }
  // The worker in `seat` has taken bucket `seq`. False if it had been dropped meanwhile, and what
  // it read may have been overwritten.
  bool take(size_t seat, uint64_t seq) const;

 private:
  SegmentHeader& header() const { return *static_cast<SegmentHeader*>(block_.data()); }
  SegmentNote& note(uint64_t seq) const;
  void ask_for(uint64_t seq) const;
  bool anyone_needs_before(uint64_t seq) const;
  void drop_laggards(uint64_t seq, Milliseconds stall) const;

  Block block_;
};

}  // namespace podium::ckpt::engine
