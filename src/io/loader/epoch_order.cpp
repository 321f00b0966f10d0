#include "io/loader/epoch_order.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.hpp"
#include "core/permutation.hpp"

namespace podium::io {
namespace {

// Streams of numbers apart from other uses of a seed.
constexpr uint64_t order_stream = 0x6f72646572;     // "order": of records in the epoch
constexpr uint64_t blocks_stream = 0x626c6f636b73;  // "blocks"
constexpr uint64_t group_stream = 0x67726f7570;     // "group": of records in a group

constexpr std::array shuffles{Shuffle::none, Shuffle::full, Shuffle::block, Shuffle::automatic};

}  // namespace

const char* shuffle_name(Shuffle shuffle) {
  switch (shuffle) {
    case Shuffle::none:
      return "none";
    case Shuffle::full:
      return "full";
    case Shuffle::block:
      return "block";
    case Shuffle::automatic:
      return "auto";
  }
  return "?";
}

Shuffle shuffle_from(std::string_view text, const std::string& key) {
  for (const Shuffle shuffle : shuffles) {
    if (text == shuffle_name(shuffle)) return shuffle;
  }
  throw usage_error("no order of images '" + std::string(text) + "'", key,
                    "use auto, full or block");
}

EpochOrder::EpochOrder(std::span<const uint32_t> block_starts, const EpochOrderOptions& options)
    : options_(options), block_starts_(block_starts.begin(), block_starts.end()), firsts_(1, 0) {
  require(options.shuffle != Shuffle::automatic && options.batch > 0 && options.group_blocks > 0 &&
              !block_starts.empty(),
          "an epoch's order is asked for with all that it needs", "EpochOrder");
  const uint64_t records = block_starts.back();
  if (options.shuffle == Shuffle::full) {
    if (records > 0) firsts_.push_back(records);
    return;
  }
  const auto count = static_cast<uint32_t>(block_starts.size() - 1);
  blocks_.resize(count);
  std::iota(blocks_.begin(), blocks_.end(), 0u);
  std::erase_if(blocks_, [&](uint32_t b) { return block_starts[b] == block_starts[b + 1]; });
  if (options.shuffle == Shuffle::block) {
    const std::vector<uint32_t> present = std::move(blocks_);
    blocks_ = permutation(static_cast<uint32_t>(present.size()),
                          Random(mix64(options.seed ^ blocks_stream), options.epoch));
    for (uint32_t& block : blocks_) block = present[block];
  }
  for (size_t begin = 0; begin < blocks_.size(); begin += options.group_blocks) {
    const size_t end = std::min(begin + options.group_blocks, blocks_.size());
    std::sort(blocks_.begin() + static_cast<ptrdiff_t>(begin),
              blocks_.begin() + static_cast<ptrdiff_t>(end));
    uint64_t position = firsts_.back();
    for (size_t i = begin; i < end; ++i) {
      position += block_starts[blocks_[i] + 1] - block_starts[blocks_[i]];
    }
    firsts_.push_back(position);
  }
}

size_t EpochOrder::group_of(uint64_t position) const {
  require(position < records(), "a position lies within the epoch", "EpochOrder::group_of");
  return static_cast<size_t>(std::ranges::upper_bound(firsts_, position) - firsts_.begin()) - 1;
}

std::vector<uint32_t> EpochOrder::group(size_t group) const {
  if (options_.shuffle == Shuffle::full) {
    return permutation(static_cast<uint32_t>(records()),
                       Random(mix64(options_.seed ^ order_stream), options_.epoch));
  }
  std::vector<uint32_t> ascending = listed(group);
  return options_.shuffle == Shuffle::none ? ascending : deal(group, ascending);
}

// The records of the group's blocks.
std::vector<uint32_t> EpochOrder::listed(size_t group) const {
  std::vector<uint32_t> records(first(group + 1) - first(group));
  auto next = records.begin();
  const size_t begin = group * options_.group_blocks;
  const size_t end = std::min(begin + options_.group_blocks, blocks_.size());
  for (size_t i = begin; i < end; ++i) {
    const uint32_t from = block_starts_[blocks_[i]];
    const uint32_t count = block_starts_[blocks_[i] + 1] - from;
    std::iota(next, next + count, from);
    next += count;
  }
  return records;
}

// A random permutation deals the records, which ascend, into the batches that the group overlaps.
// What a batch gets ascends too, as each is filled from its begin.
std::vector<uint32_t> EpochOrder::deal(size_t group, const std::vector<uint32_t>& listed) const {
  const std::vector<uint32_t> dealt =
      permutation(static_cast<uint32_t>(listed.size()),
                  Random(mix64(options_.seed ^ group_stream), options_.epoch, group));
  const uint64_t offset = first(group) % options_.batch;  // of the group in its first batch
  std::vector<uint32_t> free((offset + listed.size()) / options_.batch + 1);  // per batch
  for (size_t batch = 1; batch < free.size(); ++batch) {
    free[batch] = static_cast<uint32_t>(batch * options_.batch - offset);
  }
  std::vector<uint32_t> order(listed.size());
  for (size_t i = 0; i < listed.size(); ++i) {
    order[free[(offset + dealt[i]) / options_.batch]++] = listed[i];
  }
  return order;
}

}  // namespace podium::io
