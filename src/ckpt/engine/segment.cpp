#include "ckpt/engine/segment.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::ckpt::engine {
namespace {

constexpr uint64_t magic = 0x32435049'444f50ULL;  // "PODIPC2"
constexpr size_t page_bytes = 4096;
constexpr size_t header_bytes = (sizeof(SegmentHeader) + page_bytes - 1) / page_bytes * page_bytes;

// Until `word` is no longer `seen`, somebody rings, or `limit` is over. Between processes.
void futex_wait(std::atomic<uint32_t>& word, uint32_t seen, std::chrono::milliseconds limit) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec time{seconds.count(), std::chrono::nanoseconds(limit - seconds).count()};
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT, seen, &time, nullptr, 0);
}

void ring_bell(std::atomic<uint32_t>& word) {
  word.fetch_add(1);
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr,
            0);
}

// Until `done()`, or `limit` is over: whether it is done. Who makes it so rings `bell` afterwards.
template <typename Done>
bool wait_until(std::atomic<uint32_t>& bell, std::chrono::milliseconds limit, Done done) {
  const auto end = SteadyClock::now() + limit;
  while (true) {
    const uint32_t seen = bell.load();
    if (done()) return true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SteadyClock::now());
    if (left.count() <= 0) return false;
    futex_wait(bell, seen, left);
  }
}

int64_t now_ns() {
  return std::chrono::nanoseconds(SteadyClock::now().time_since_epoch()).count();
}

Error did_not_come(std::chrono::milliseconds limit) {
  return internal_error("a bucket did not come within " + std::to_string(limit.count()) + " ms",
                        "checkpoint engine, IPC buffer");
}

}  // namespace

Segment::Segment(size_t slots, size_t slot_bytes)
    : block_(Block::shared(header_bytes + slots * slot_bytes, "the IPC buffer")) {
  require(slots >= 1 && slots <= most_slots, "an IPC buffer has one to eight slots", "Segment");
  header().slot_count = slots;
  header().slot_bytes = slot_bytes;
  header().asked = UINT64_MAX;
  header().magic = magic;
}

Segment::Segment(FileDescriptor descriptor) {
  const size_t bytes = Block::size_of(descriptor);
  if (bytes >= header_bytes) {
    block_ = Block::map(std::move(descriptor), bytes, Block::Access::write);
  }
  const bool good = bytes >= header_bytes && header().magic == magic && header().slot_count >= 1 &&
                    header().slot_count <= most_slots &&
                    header().slot_bytes == (bytes - header_bytes) / header().slot_count;
  if (!good) {
    throw data_error("the shared memory is no IPC buffer", "checkpoint engine",
                     "run the same version of Podium everywhere");
  }
}

std::span<std::byte> Segment::slot(uint64_t seq) const {
  const size_t index = seq % slot_count();
  return block_.span().subspan(header_bytes + index * slot_bytes(), slot_bytes());
}

SegmentNote& Segment::note(uint64_t seq) const {
  return header().notes[seq % most_notes];
}

void Segment::drop(size_t seat) const {
  SeatState taking = SeatState::taking;
  if (header().seats[seat].state.compare_exchange_strong(taking, SeatState::dropped)) ring();
}

bool Segment::anyone_needs_before(uint64_t seq) const {
  for (const Seat& seat : header().seats) {
    if (seat.state.load() == SeatState::taking && seat.next.load() < seq) return true;
  }
  return false;
}

// Those who have left a bucket before `seq` for so long, since it was there and they had taken the
// one before; who waits for one to come is not to blame.
void Segment::drop_laggards(uint64_t seq, Milliseconds stall) const {
  for (size_t i = 0; i < most_seats; ++i) {
    const Seat& seat = header().seats[i];
    const uint64_t next = seat.next.load();
    if (seat.state.load() != SeatState::taking || next >= seq) continue;
    const int64_t since = std::max(note(next).since_ns.load(), seat.since_ns.load());
    const std::chrono::nanoseconds left(now_ns() - since);
    if (note(next).holds.load() == next + 1 && left >= stall) drop(i);
  }
}

void Segment::wait_taken(uint64_t seq, Milliseconds stall, Milliseconds limit) const {
  const auto taken = [&] {
    ask_for(seq);
    return !anyone_needs_before(seq);
  };
  const Milliseconds step = std::max(stall / 8, Milliseconds(1));
  const Deadline deadline(limit);
  while (!wait_until(header().taken_bell, step, taken)) {
    drop_laggards(seq, stall);
    if (deadline.expired()) throw did_not_come(limit);
  }
}

// Also where nobody needs it: its writer may be about to write what the next one would.
void Segment::wait_passed(uint64_t seq, Milliseconds stall, Milliseconds limit) const {
  const auto published = [&] { return note(seq).holds.load() == seq + 1; };
  if (!wait_until(header().published_bell, limit, published)) throw did_not_come(limit);
  wait_taken(seq + 1, stall, limit);
}

// Workers ring when they have come so far: not for every bucket.
void Segment::ask_for(uint64_t seq) const {
  std::atomic<uint64_t>& asked = header().asked;
  uint64_t least = asked.load();
  while (seq < least && !asked.compare_exchange_weak(least, seq)) {
  }
}

void Segment::wait_note(uint64_t seq, Milliseconds stall, Milliseconds limit) const {
  if (seq >= most_notes) wait_taken(seq - most_notes + 1, stall, limit);
}

void Segment::publish(uint64_t seq, bool partial) const {
  note(seq).partial.store(partial ? 1 : 0);
  note(seq).since_ns.store(now_ns());
  note(seq).holds.store(seq + 1);
  ring_bell(header().published_bell);
  for (Seat& seat : header().seats) {
    if (seat.state.load() == SeatState::taking && seat.next.load() == seq) ring_bell(seat.bell);
  }
}

void Segment::ring() const {
  ring_bell(header().taken_bell);
  for (Seat& seat : header().seats) {
    if (seat.state.load() != SeatState::free) ring_bell(seat.bell);
  }
}

bool Segment::wait_published(size_t seat, uint64_t seq, Milliseconds limit) const {
  Seat& own = header().seats[seat];
  const auto holds = [&] { return note(seq).holds.load() == seq + 1; };
  const auto dropped = [&] { return own.state.load() != SeatState::taking; };
  return wait_until(own.bell, limit, [&] { return holds() || dropped(); }) && !dropped();
}

bool Segment::take(size_t seat, uint64_t next) const {
  Seat& own = header().seats[seat];
  if (own.state.load() != SeatState::taking) return false;
  own.since_ns.store(now_ns());
  own.next.store(next);
  if (next >= header().asked.load()) {
    header().asked.store(UINT64_MAX);  // who goes on waiting asks again
    ring_bell(header().taken_bell);
  }
  return true;
}

}  // namespace podium::ckpt::engine
