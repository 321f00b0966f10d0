#include "comm/simulated/hierarchy.hpp"

#include "comm/allreduce/kernels.hpp"
#include "comm/tags.hpp"

namespace podium::comm {

SimulatedHierarchy::SimulatedHierarchy(const Communicator& group, int ranks_per_node)
    : lanes_(static_cast<size_t>(ranks_per_node)),
      place_(static_cast<size_t>(group.rank() % ranks_per_node)),
      first_(group.rank() / ranks_per_node * ranks_per_node),
      landing_(lanes_) {
  std::vector<int> partners;
  for (int rank = static_cast<int>(place_); rank < group.size(); rank += ranks_per_node) {
    partners.push_back(rank);
  }
  if (partners.size() > 1) ring_ = std::make_unique<Ring>(partners, group.rank());
}

void SimulatedHierarchy::run(const Sum& sum, Watch& watch) {
  scale(sum.out, sum.in, sum.weight);
  gather_slice(sum.out, watch);
  if (ring_) ring_->sum(sum.out.part(place_, lanes_), sum.wire, watch);
  hand_out(sum.out, watch);
}

void SimulatedHierarchy::gather_slice(const Elements& values, Watch& watch) {
  Communicator& group = watch.group();
  const Elements mine = values.part(place_, lanes_);
  std::vector<Request> received(lanes_);
  std::vector<Request> sent(lanes_);
  for (size_t i = 1; i < lanes_; ++i) {
    const size_t other = (place_ + i) % lanes_;
    const int peer = first_ + static_cast<int>(other);
    landing_[other].resize(mine.bytes().size());
    received[other] = group.irecv(landing_[other], peer, tags::node_memory);
    sent[other] = group.isend(values.part(other, lanes_).bytes(), peer, tags::node_memory);
  }
  for (size_t i = 1; i < lanes_; ++i) {
    const size_t other = (place_ + i) % lanes_;
    watch.wait(received[other], first_ + static_cast<int>(other), "staging");
    add(mine, landing_[other].data());
  }
  for (size_t i = 0; i < lanes_; ++i) {
    watch.wait(sent[i], first_ + static_cast<int>(i), "staging");
  }
}

void SimulatedHierarchy::hand_out(const Elements& values, Watch& watch) {
  Communicator& group = watch.group();
  std::vector<Request> transfers;
  for (size_t i = 1; i < lanes_; ++i) {
    const size_t other = (place_ + i) % lanes_;
    const int peer = first_ + static_cast<int>(other);
    transfers.push_back(group.irecv(values.part(other, lanes_).bytes(), peer, tags::node_memory));
    transfers.push_back(group.isend(values.part(place_, lanes_).bytes(), peer, tags::node_memory));
  }
  for (Request& transfer : transfers) watch.wait(transfer, first_, "summing");
}

}  // namespace podium::comm
