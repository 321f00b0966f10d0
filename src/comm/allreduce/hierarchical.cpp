#include "comm/allreduce/hierarchical.hpp"

#include <algorithm>
#include <cstring>

#include "comm/allreduce/kernels.hpp"

namespace podium::comm {
namespace {

// Measured: a chunk of 512 KiB is best for two ranks with a core each, of 256 KiB for eight that
// take turns on two cores.
constexpr size_t chunk_bytes_with_cores = size_t{512} << 10;
constexpr size_t chunk_bytes_crowded = size_t{256} << 10;
constexpr size_t short_bytes_per_node = size_t{64} << 10;  // read by each rank in a single pass

size_t rounded_up(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// The ranks that have the same place as `rank` on their nodes; empty with one node or no slice.
std::vector<int> same_place(const Topology& topology, int rank) {
  const std::vector<int>& node = topology.node_of(rank);
  const size_t place = static_cast<size_t>(std::ranges::find(node, rank) - node.begin());
  std::vector<int> ranks;
  if (topology.nodes.size() == 1 || place >= static_cast<size_t>(topology.least_ranks())) return {};
  for (const std::vector<int>& other : topology.nodes) ranks.push_back(other[place]);
  return ranks;
}

}  // namespace

std::unique_ptr<HierarchicalAllReduce> HierarchicalAllReduce::make(Communicator& group,
                                                                   const Topology& topology,
                                                                   std::string* why_not) {
  const size_t chunk = topology.crowded ? chunk_bytes_crowded : chunk_bytes_with_cores;
  const std::vector<int>& node = topology.node_of(group.rank());
  // Pieces of a chunk begin on lines.
  const size_t bytes = chunk + node.size() * line_bytes;
  std::unique_ptr<NodeMemory> memory = NodeMemory::make(group, node, bytes, why_not);
  for (const std::string& complaint : share_texts(group, *why_not)) {
    if (!complaint.empty()) *why_not = complaint;
  }
  if (!why_not->empty()) return nullptr;
  return std::unique_ptr<HierarchicalAllReduce>(
      new HierarchicalAllReduce(group, topology, std::move(memory), chunk));
}

HierarchicalAllReduce::HierarchicalAllReduce(Communicator& group, const Topology& topology,
                                             std::unique_ptr<NodeMemory> memory, size_t chunk_bytes)
    : members_(topology.node_of(group.rank())),
      across_nodes_(topology.nodes.size() > 1),
      place_(static_cast<size_t>(std::ranges::find(members_, group.rank()) - members_.begin())),
      lanes_(static_cast<size_t>(topology.least_ranks())),
      piece_bytes_(rounded_up(chunk_bytes / lanes_, line_bytes)),
      short_bytes_(topology.nodes.size() == 1 ? short_bytes_per_node / members_.size() : 0),
      memory_(std::move(memory)),
      sources_(members_.size()) {
  const std::vector<int> partners = same_place(topology, group.rank());
  if (!partners.empty()) ring_ = std::make_unique<Ring>(partners, group.rank());
}

size_t HierarchicalAllReduce::chunks_of(const Elements& values) const {
  const size_t largest_slice = values.part(0, lanes_).bytes().size();
  return std::max<size_t>(1, (largest_slice + piece_bytes_ - 1) / piece_bytes_);
}

Elements HierarchicalAllReduce::piece(const Elements& values, size_t lane, size_t chunk,
                                      const Pass& pass) const {
  return values.part(lane, lanes_).part(chunk, pass.chunks);
}

void HierarchicalAllReduce::run(const Sum& sum, Watch& watch) {
  if (members_.size() == 1 && !ring_) {
    scale(sum.out, sum.in, sum.weight);
  } else if (sum.out.bytes().size() <= short_bytes_) {
    sum_short(sum, watch);
  } else if (!ring_ && lanes_ == members_.size()) {
    run_pass({sum, watch, true, true, chunks_of(sum.out)});
  } else {
    const size_t chunks = chunks_of(sum.out);
    run_pass({sum, watch, true, false, chunks});
    if (ring_) ring_->sum(sum.out.part(place_, lanes_), sum.wire, watch);
    run_pass({sum, watch, false, true, chunks});
  }
}

void HierarchicalAllReduce::run_pass(const Pass& pass) {
  for (size_t k = 0; k < pass.chunks + 2; ++k) {
    if (k < pass.chunks) stage(pass, k);
    if (k >= 1 && k - 1 < pass.chunks) reduce(pass, k - 1);
    if (k >= 2) hand_out(pass, k - 2);
  }
  tick_ += pass.chunks;
}

void HierarchicalAllReduce::announce(Watch& watch, uint64_t tick) {
  memory_->signature(place_, tick) = watch.signature();
}

// Waits until all have staged their part of `tick`; at the first one of a sum, all meet.
void HierarchicalAllReduce::wait_for_staged(Watch& watch, uint64_t tick, bool meets) {
  for (size_t i = 1; i < members_.size(); ++i) {
    const size_t other = (place_ + i) % members_.size();
    const std::atomic<uint64_t>& staged = memory_->staged(other);
    watch.until([&] { return staged.load(std::memory_order_acquire) > tick; }, members_[other],
                meets ? "meeting" : "staging");
    if (!meets) continue;
    require_equal(watch.signature(), memory_->signature(other, tick), watch.group().rank(),
                  members_[other], watch.group().name());
  }
}

// Puts this rank's part of the others' slices where they find it.
void HierarchicalAllReduce::stage(const Pass& pass, size_t chunk) {
  const uint64_t tick = tick_ + chunk;
  if (pass.stages) {
    if (chunk == 0) announce(pass.watch, tick);
    const Elements in{const_cast<std::byte*>(pass.sum.in), pass.sum.out.count, pass.sum.out.type};
    std::byte* slot = memory_->staging(place_, tick);
    for (size_t lane = 0; lane < lanes_; ++lane) {
      const Elements mine = piece(in, lane, chunk, pass);
      if (lane != place_) {
        scale({slot + lane * piece_bytes_, mine.count, mine.type}, mine.data, pass.sum.weight);
      } else if (pass.sum.weight != 1) {
        scale(piece(pass.sum.out, lane, chunk, pass), mine.data, pass.sum.weight);
      }
    }
  }
  memory_->staged(place_).store(tick + 1, std::memory_order_release);
}

// Sums a piece of this rank's slice; without values that go in, it is finished already.
void HierarchicalAllReduce::reduce(const Pass& pass, size_t chunk) {
  const uint64_t tick = tick_ + chunk;
  wait_for_staged(pass.watch, tick, pass.stages && chunk == 0);
  if (owns_slice()) {
    const Elements out = piece(pass.sum.out, place_, chunk, pass);
    std::byte* result = memory_->result(place_, tick);
    if (pass.stages) {
      for (size_t member = 0; member < members_.size(); ++member) {
        sources_[member] = memory_->staging(member, tick) + place_ * piece_bytes_;
      }
      const bool in_place = pass.sum.weight != 1 || pass.sum.in == pass.sum.out.data;
      sources_[place_] = in_place ? out.data : pass.sum.in + (out.data - pass.sum.out.data);
      sum(out, pass.hands_out ? result : nullptr, sources_);
    } else if (out.count > 0) {
      std::memcpy(result, out.data, out.bytes().size());
    }
  }
  memory_->finished(place_).store(tick + 1, std::memory_order_release);
}

// Copies what the others have finished, or only waits for it, so that slots are free again.
void HierarchicalAllReduce::hand_out(const Pass& pass, size_t chunk) {
  const uint64_t tick = tick_ + chunk;
  for (size_t i = 1; i <= lanes_; ++i) {
    const size_t lane = (place_ + i) % lanes_;
    if (lane == place_) continue;
    const std::atomic<uint64_t>& finished = memory_->finished(lane);
    pass.watch.until([&] { return finished.load(std::memory_order_acquire) > tick; },
                     members_[lane], "summing");
    const Elements out = piece(pass.sum.out, lane, chunk, pass);
    if (pass.hands_out && out.count > 0) {
      std::memcpy(out.data, memory_->result(lane, tick), out.bytes().size());
    }
  }
}

void HierarchicalAllReduce::sum_short(const Sum& work, Watch& watch) {
  const uint64_t tick = tick_++;
  announce(watch, tick);
  scale({memory_->staging(place_, tick), work.out.count, work.out.type}, work.in, work.weight);
  memory_->staged(place_).store(tick + 1, std::memory_order_release);
  wait_for_staged(watch, tick, true);
  for (size_t member = 0; member < members_.size(); ++member) {
    sources_[member] = memory_->staging(member, tick);
  }
  sum(work.out, nullptr, sources_);
}

}  // namespace podium::comm
