// Prefetcher: threads that fill a ring of slots ahead of one consumer.
//
// Steps are claimed in order by whichever thread is free, filled at the same time, and handed over
// in order. Hand-over takes atomics alone as long as nobody sleeps: whoever has nothing to do spins
// for some microseconds and then sleeps; threads are woken when half of the ring is free, not for
// each slot. A consumer that would have to wait fills steps itself as long as any is left to claim;
// so with no threads it fills all of them, as it asks for them.
//
// Threads: one consumer calls stop(), start() and next(). `fill` runs on any thread, for different
// steps and slots at once; what it throws is thrown by next() for that step.
//
// Invariants: tickets number the steps of all epochs in one ascending sequence. Ticket t fills slot
// t mod slots. consumed <= claimed <= limit <= consumed + slots.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace podium::io {

// Lets threads wait until a condition over sequentially consistent atomics holds: spins, then
// sleeps. The wait is woken by notify() after the atomics have changed.
class Signal {
 public:
  // False when `limit` has passed.
  template <typename Condition>
  bool wait(Condition&& holds, std::chrono::milliseconds limit) {
    if (spin(holds)) return true;
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    const bool in_time = changed_.wait_for(lock, limit, holds);
    sleepers_.fetch_sub(1);
    return in_time;
  }

  void notify() {
    // A waiter counts itself before its last look at the condition: either it is seen here, or it
    // sees the change.
    if (sleepers_.load() == 0) return;
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }

 private:
  static void relax();
  static int spins();

  template <typename Condition>
  static bool spin(Condition& holds) {
    for (int i = 0; i < spins(); ++i) {
      if (holds()) return true;
      relax();
    }
    return false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> sleepers_{0};
};

class Prefetcher {
 public:
  using Fill = std::function<void(size_t step, size_t slot, size_t thread)>;

  // REQUIRES: slots > 0. `fill` gets the number of its thread; the consumer's is `threads`.
  Prefetcher(size_t threads, size_t slots, Fill fill);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // Drops what is not consumed; on return no thread is in `fill`.
  void stop();

  // Begins to fill steps [first, end). REQUIRES: stopped, first <= end.
  void start(size_t first, size_t end);

  struct Filled {
    size_t step;
    size_t slot;
  };
  // The next step, or nothing after the last one; its slot is the consumer's until the next call.
  // Throws what `fill` threw, and internal_error after 10 minutes; the rest is then dropped.
  std::optional<Filled> next();

  // Seconds that next() has spent in waiting.
  double waited_seconds() const { return waited_seconds_; }

 private:
  struct alignas(64) Slot {
    std::atomic<uint64_t> filled{0};  // one more than the ticket that filled it last
    std::exception_ptr failure;
  };

  void run(size_t thread);
  bool claim(uint64_t& ticket);
  bool worth_waking() const;
  void fill(uint64_t ticket, size_t thread);
  void wait_for(uint64_t ticket);
  size_t step_of(uint64_t ticket) const { return static_cast<size_t>(ticket - base_) + first_; }

  const Fill fill_;
  std::vector<Slot> slots_;
  uint64_t base_ = 0;  // the ticket of step first_; they change while nothing is claimed
  size_t first_ = 0;

  alignas(64) std::atomic<uint64_t> claimed_{0};  // tickets below it belong to some thread
  alignas(64) std::atomic<uint64_t> limit_{0};    // tickets below it may be claimed
  std::atomic<uint64_t> end_{0};                  // tickets of the epoch under way
  std::atomic<bool> closing_{false};
  Signal work_;    // limit_, closing_
  Signal result_;  // Slot::filled

  // Of the consumer.
  uint64_t consumed_ = 0;
  bool holding_ = false;  // the slot of ticket consumed_
  double waited_seconds_ = 0;

  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace podium::io
