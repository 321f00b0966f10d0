#include "ckpt/engine/segment.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

constexpr uint64_t magic = 0x31435049'444f50ULL;  // "PODIPC1"
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

FileDescriptor make_memory(size_t bytes) {
  check_memory(bytes, "the IPC buffer");
  FileDescriptor descriptor(::memfd_create("podium-ipc-buffer", MFD_CLOEXEC));
  if (!descriptor) throw io_error("cannot make shared memory", "IPC buffer", errno);
  // Reserved here: a lack is told now, and is not a crash at the first touch.
  if (const int error = ::posix_fallocate(descriptor.get(), 0, static_cast<off_t>(bytes))) {
    throw io_error("cannot reserve " + std::to_string(bytes) + " bytes of shared memory",
                   "IPC buffer", error);
  }
  return descriptor;
}

size_t size_of(const FileDescriptor& descriptor) {
  struct stat facts {};
  if (::fstat(descriptor.get(), &facts) != 0) {
    throw io_error("cannot look at shared memory", "IPC buffer", errno);
  }
  return static_cast<size_t>(facts.st_size);
}

}  // namespace

Segment::Segment(size_t slots, size_t slot_bytes)
    : descriptor_(make_memory(header_bytes + slots * slot_bytes)),
      block_(Block::map(descriptor_.get(), header_bytes + slots * slot_bytes)) {
  require(slots >= 1 && slots <= most_slots, "an IPC buffer has one to eight slots", "Segment");
  header().slot_count = slots;
  header().slot_bytes = slot_bytes;
  header().magic = magic;
}

Segment::Segment(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {
  const size_t bytes = size_of(descriptor_);
  if (bytes >= header_bytes) block_ = Block::map(descriptor_.get(), bytes);
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

// Those who have left a bucket before `seq` for so long; who waits for one to come is not to blame.
void Segment::drop_laggards(uint64_t seq, Milliseconds stall) const {
  for (size_t i = 0; i < most_seats; ++i) {
    const Seat& seat = header().seats[i];
    const uint64_t next = seat.next.load();
    if (seat.state.load() != SeatState::taking || next >= seq) continue;
    const size_t slot = next % slot_count();
    const std::chrono::nanoseconds left(now_ns() - header().since_ns[slot].load());
    if (header().holds[slot].load() == next + 1 && left >= stall) drop(i);
  }
}

void Segment::wait_taken(uint64_t seq, Milliseconds stall, Milliseconds limit) const {
  const auto taken = [&] { return !anyone_needs_before(seq); };
  const Milliseconds step = std::max(stall / 8, Milliseconds(1));
  const Deadline deadline(limit);
  while (!wait_until(header().taken_bell, step, taken)) {
    drop_laggards(seq, stall);
    if (deadline.expired()) {
      throw internal_error("a bucket did not come within " + std::to_string(limit.count()) + " ms",
                           "checkpoint engine, IPC buffer");
    }
  }
}

void Segment::wait_free(uint64_t seq, Milliseconds stall, Milliseconds limit) const {
  if (seq >= slot_count()) wait_taken(seq - slot_count() + 1, stall, limit);
}

void Segment::publish(uint64_t seq) const {
  header().since_ns[seq % slot_count()].store(now_ns());
  header().holds[seq % slot_count()].store(seq + 1);
  for (Seat& seat : header().seats) {
    if (seat.state.load() == SeatState::taking && seat.next.load() <= seq) ring_bell(seat.bell);
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
  const auto holds = [&] { return header().holds[seq % slot_count()].load() == seq + 1; };
  const auto dropped = [&] { return own.state.load() != SeatState::taking; };
  return wait_until(own.bell, limit, [&] { return holds() || dropped(); }) && !dropped();
}

bool Segment::take(size_t seat, uint64_t next) const {
  Seat& own = header().seats[seat];
  if (own.state.load() != SeatState::taking) return false;
  own.next.store(next);
  ring_bell(header().taken_bell);
  return true;
}

}  // namespace podium::ckpt::engine
