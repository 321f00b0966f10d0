#include "io/loader/prefetcher.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes read_timeout{10};
constexpr std::chrono::hours idle_period{1};  // a thread without work looks up this often

// About 30 us, of the order of a thread's wake-up: a shorter wait is cheaper spun than slept.
constexpr int spins_before_sleep = 1000;

}  // namespace

void Signal::relax() {
  __builtin_ia32_pause();
}

int Signal::spins() {
  static const bool alone = std::thread::hardware_concurrency() <= 1;
  return alone ? 0 : spins_before_sleep;
}

Prefetcher::Prefetcher(size_t threads, size_t slots, Fill fill)
    : fill_(std::move(fill)), slots_(slots) {
  require(slots > 0, "a prefetcher has slots", "Prefetcher");
  threads_.reserve(threads);
  try {
    for (size_t thread = 0; thread < threads; ++thread) {
      threads_.emplace_back([this, thread] { run(thread); });
    }
  } catch (const std::exception& error) {
    closing_.store(true);
    work_.notify();
    for (std::thread& thread : threads_) thread.join();
    throw unavailable_error(std::string("cannot start a prefetch thread: ") + error.what(),
                            "--io.prefetch_threads", "lower it");
  }
}

Prefetcher::~Prefetcher() {
  claimed_.exchange(limit_.load());
  closing_.store(true);
  work_.notify();
  for (std::thread& thread : threads_) thread.join();
}

void Prefetcher::stop() {
  // Takes the tickets that no thread has; those that a thread has are waited for.
  const uint64_t limit = limit_.load();
  const uint64_t claimed = claimed_.exchange(limit);
  for (uint64_t ticket = consumed_; ticket < claimed; ++ticket) {
    wait_for(ticket);
    slots_[ticket % slots_.size()].failure = nullptr;
  }
  consumed_ = limit;
  end_.store(limit);
  holding_ = false;
}

void Prefetcher::start(size_t first, size_t end) {
  base_ = consumed_;
  first_ = first;
  end_.store(base_ + (end - first));
  if (threads_.empty()) return;
  limit_.store(std::min<uint64_t>(end_.load(), base_ + slots_.size()));
  work_.notify();
}

std::optional<Prefetcher::Filled> Prefetcher::next() {
  if (std::exchange(holding_, false)) {
    ++consumed_;
    if (!threads_.empty()) {
      limit_.store(std::min<uint64_t>(end_.load(), consumed_ + slots_.size()));
      if (worth_waking()) work_.notify();
    }
  }
  if (consumed_ == end_.load()) return {};
  const uint64_t ticket = consumed_;
  if (threads_.empty()) limit_.store(ticket + 1);
  wait_for(ticket);
  Slot& slot = slots_[ticket % slots_.size()];
  if (slot.failure) {
    const std::exception_ptr failure = std::exchange(slot.failure, nullptr);
    stop();
    std::rethrow_exception(failure);
  }
  holding_ = true;
  return Filled{step_of(ticket), ticket % slots_.size()};
}

void Prefetcher::wait_for(uint64_t ticket) {
  const Slot& slot = slots_[ticket % slots_.size()];
  const auto is_filled = [&] { return slot.filled.load() == ticket + 1; };
  if (is_filled()) return;
  const Stopwatch watch;
  uint64_t own = 0;
  while (!is_filled() && claim(own)) fill(own, threads_.size());
  const bool in_time = result_.wait(is_filled, read_timeout);
  waited_seconds_ += watch.seconds();
  if (!in_time) {
    throw internal_error("the loader has waited 10 minutes for the disk",
                         "step " + std::to_string(step_of(ticket)),
                         "check the cache's file system");
  }
}

void Prefetcher::run(size_t thread) {
  while (true) {
    uint64_t ticket = 0;
    while (claim(ticket)) {
      fill(ticket, thread);
      result_.notify();
    }
    if (closing_.load()) return;
    work_.wait([&] { return closing_.load() || worth_waking(); }, idle_period);
  }
}

bool Prefetcher::claim(uint64_t& ticket) {
  ticket = claimed_.load();
  while (ticket < limit_.load()) {
    if (claimed_.compare_exchange_weak(ticket, ticket + 1)) return true;
  }
  return false;
}

// Half of the ring is free, or the epoch's last steps are.
bool Prefetcher::worth_waking() const {
  const uint64_t limit = limit_.load();
  const uint64_t claimed = claimed_.load();
  if (claimed >= limit) return false;
  return limit - claimed >= (slots_.size() + 1) / 2 || limit == end_.load();
}

void Prefetcher::fill(uint64_t ticket, size_t thread) {
  Slot& slot = slots_[ticket % slots_.size()];
  try {
    fill_(step_of(ticket), ticket % slots_.size(), thread);
  } catch (...) {
    slot.failure = std::current_exception();
  }
  slot.filled.store(ticket + 1);
}

}  // namespace podium::io
