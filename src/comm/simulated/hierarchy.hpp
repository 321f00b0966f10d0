// The hierarchical AllReduce of simulated ranks.
//
// Real ranks of a node sum through shared memory (allreduce/hierarchical.hpp), which the simulator
// has not. The same bytes go here as messages over the links that the platform has inside a node:
// each rank gives every other one its slice, sums its own slice, sums it around the ring of nodes,
// which is the real one, and hands it out. Pieces of one slice do not overlap as they do in memory.
#pragma once

#include <memory>
#include <vector>

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/ring.hpp"

namespace podium::comm {

class SimulatedHierarchy : public SumAlgorithm {
 public:
  // `ranks_per_node` divides the size of `group`; ranks of a node are neighbours.
  SimulatedHierarchy(const Communicator& group, int ranks_per_node);

  const char* name() const override { return "hierarchical"; }
  void run(const Sum& sum, Watch& watch) override;

 private:
  void gather_slice(const Elements& values, Watch& watch);
  void hand_out(const Elements& values, Watch& watch);

  size_t lanes_;
  size_t place_;                // of this rank on its node
  int first_;                   // rank of the node
  std::unique_ptr<Ring> ring_;  // null with one node
  std::vector<AlignedBytes> landing_;
};

}  // namespace podium::comm
