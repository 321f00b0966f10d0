// LaneBuffer: a ring between the thread that records spans and the one that writes them.
//
// One thread adds, one takes; neither waits. A ring that is full, like a lane that has had its
// number, counts what it leaves out.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <string>
#include <vector>

#include "core/trace.hpp"

namespace podium {

class LaneBuffer {
 public:
  static constexpr size_t capacity = 4096;

  // `writer` is woken when the ring is half full. At most `most` spans are kept.
  LaneBuffer(std::string name, size_t number, size_t most,
             std::shared_ptr<std::condition_variable> writer)
      : name_(std::move(name)),
        number_(number),
        most_(most),
        writer_(std::move(writer)),
        ring_(capacity) {}

  void add(const Span& span) noexcept {
    const uint64_t added = added_.load(std::memory_order_relaxed);
    const uint64_t held = added - taken_.load(std::memory_order_acquire);
    if (added >= most_ || held >= capacity) {
      left_out_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    ring_[added % capacity] = span;
    added_.store(added + 1, std::memory_order_release);
    if (held == capacity / 2) writer_->notify_one();
  }

  // Moves up to `spans.size()` of what was added; returns how many.
  size_t take(std::span<Span> spans) noexcept {
    const uint64_t taken = taken_.load(std::memory_order_relaxed);
    const uint64_t held = added_.load(std::memory_order_acquire) - taken;
    const size_t count = std::min<size_t>(held, spans.size());
    for (size_t i = 0; i < count; ++i) spans[i] = ring_[(taken + i) % capacity];
    taken_.store(taken + count, std::memory_order_release);
    return count;
  }

  uint64_t left_out() const { return left_out_.load(std::memory_order_relaxed); }
  const std::string& name() const { return name_; }
  size_t number() const { return number_; }

 private:
  std::string name_;
  size_t number_;
  uint64_t most_;
  std::shared_ptr<std::condition_variable> writer_;
  std::vector<Span> ring_;
  alignas(64) std::atomic<uint64_t> added_{0};
  alignas(64) std::atomic<uint64_t> taken_{0};
  alignas(64) std::atomic<uint64_t> left_out_{0};
};

}  // namespace podium
