#include "io/loader/open_groups.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace podium::io {
namespace {

constexpr std::chrono::minutes read_timeout{10};

[[noreturn]] void throw_timeout(const std::string& where) {
  throw internal_error("a prefetch thread has waited 10 minutes for another one", where,
                       "check the cache's file system");
}

}  // namespace

OpenGroups::OpenGroups(const Dataset& dataset, Split split, const EpochOrder& order, size_t batch,
                       size_t first_step)
    : dataset_(dataset),
      split_(split),
      order_(order),
      batch_(batch),
      first_step_(first_step),
      current_(first_step * batch < order.records() ? order.group_of(first_step * batch)
                                                    : order.groups()) {}

std::span<const uint32_t> OpenGroups::enter(size_t group) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, read_timeout, [&] { return current_ == group; })) {
    throw_timeout("group " + std::to_string(group));
  }
  if (!listed_) {
    records_ = order_.group(group);
    listed_ = true;
  }
  return records_;
}

void OpenGroups::leave(size_t group) {
  const std::lock_guard lock(mutex_);
  --steps_left_.try_emplace(group, steps_in(group)).first->second;
  for (auto left = steps_left_.find(current_); left != steps_left_.end() && left->second == 0;
       left = steps_left_.find(current_)) {
    steps_left_.erase(left);
    blocks_.clear();  // gives its memory back before the next group takes any
    listed_ = false;
    ++current_;
    changed_.notify_all();
  }
}

// Steps of this epoch that overlap `group`.
size_t OpenGroups::steps_in(size_t group) const {
  const uint64_t first = std::max<uint64_t>(order_.first(group) / batch_, first_step_);
  return (order_.first(group + 1) - 1) / batch_ - first + 1;
}

void OpenGroups::lease_runs(std::span<const uint32_t> records, std::vector<BlockRun>& runs) {
  const std::vector<uint32_t>& starts = dataset_.block_starts(split_);
  runs.clear();
  std::unique_lock lock(mutex_);
  for (size_t begin = 0; begin < records.size();) {
    const uint64_t number = block_of(records[begin]);
    const auto rest = records.subspan(begin);
    const auto end = std::ranges::lower_bound(rest, starts[number + 1]) - rest.begin();
    Block& block = blocks_[number];
    // What another thread reads is waited for below, after reading what nobody does.
    if (block.state == Reading::not_yet) read(lock, number, block);
    runs.push_back({number, &block.lease, begin, begin + static_cast<size_t>(end)});
    begin += static_cast<size_t>(end);
  }
  for (const BlockRun& run : runs) {
    Block& block = blocks_.at(run.block);
    while (block.state != Reading::done) {
      // Its reader may have failed.
      if (block.state == Reading::not_yet) {
        read(lock, run.block, block);
      } else if (changed_.wait_for(lock, read_timeout) == std::cv_status::timeout) {
        throw_timeout("block " + std::to_string(run.block));
      }
    }
  }
}

// Leases one block for all threads, without the lock while it is read.
void OpenGroups::read(std::unique_lock<std::mutex>& lock, uint64_t number, Block& block) {
  block.state = Reading::under_way;
  lock.unlock();
  try {
    BlockLease lease = dataset_.lease(split_, number);
    lock.lock();
    block.lease = std::move(lease);
    block.state = Reading::done;
  } catch (...) {
    lock.lock();
    block.state = Reading::not_yet;
    changed_.notify_all();
    throw;
  }
  changed_.notify_all();
}

uint64_t OpenGroups::block_of(uint32_t record) const {
  const std::vector<uint32_t>& starts = dataset_.block_starts(split_);
  return static_cast<uint64_t>(std::ranges::upper_bound(starts, record) - starts.begin()) - 1;
}

}  // namespace podium::io
