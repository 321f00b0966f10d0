// Hierarchical AllReduce: through shared memory inside a node, around a ring between nodes.
//
// Inside a node every rank owns one slice of the vector, and the vector goes through shared memory
// in chunks that stay in cache. Per chunk a rank stages its part of the others' slices, sums its
// own slice straight out of what the others have staged and its own memory, and copies the
// finished parts of the others out. Of its own memory a rank reads and writes each element about
// once, the least there is; the rest moves between caches. Three chunks are under way at a time: a
// rank stages chunk k before it sums k-1 and copies k-2, so that it seldom waits.
//
// Short vectors take one pass instead of three: every rank stages all it has and sums all itself.
//
// With several nodes the slices are summed inside the nodes first; then the ranks that own the same
// slice sum it around a ring of nodes (ring.hpp), all slices at once; then they are handed out.
// Where nodes have different numbers of ranks, as many as the smallest has own slices.
//
// Inside a node the order of summing is that of ranks, for short and for long vectors. An element
// is summed on one rank, or by all in the same order: all ranks end with identical bits.
#pragma once

#include <memory>
#include <vector>

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/node_memory.hpp"
#include "comm/allreduce/ring.hpp"
#include "comm/allreduce/topology.hpp"

namespace podium::comm {

class HierarchicalAllReduce : public SumAlgorithm {
 public:
  // Collective over the group; null on every rank, with the reason, where a node has no memory to
  // share.
  static std::unique_ptr<HierarchicalAllReduce> make(Communicator& group, const Topology& topology,
                                                     std::string* why_not);

  const char* name() const override { return "hierarchical"; }
  // Between nodes. Inside them a value is moved once and not worth rounding.
  bool packs() const override { return across_nodes_; }
  void run(const Sum& sum, Watch& watch) override;

 private:
  // What of the pipeline a pass does.
  struct Pass {
    const Sum& sum;
    Watch& watch;
    bool stages;     // values go in
    bool hands_out;  // finished slices come out
    size_t chunks;
  };

  HierarchicalAllReduce(Communicator& group, const Topology& topology,
                        std::unique_ptr<NodeMemory> memory, size_t chunk_bytes);

  bool owns_slice() const { return place_ < lanes_; }
  size_t chunks_of(const Elements& values) const;
  Elements piece(const Elements& values, size_t lane, size_t chunk, const Pass& pass) const;
  void run_pass(const Pass& pass);
  void stage(const Pass& pass, size_t chunk);
  void reduce(const Pass& pass, size_t chunk);
  void hand_out(const Pass& pass, size_t chunk);
  void sum_short(const Sum& sum, Watch& watch);
  void announce(Watch& watch, uint64_t tick);
  void wait_for_staged(Watch& watch, uint64_t tick, bool meets);

  std::vector<int> members_;  // of this node
  bool across_nodes_;
  size_t place_;        // of this rank among them
  size_t lanes_;        // members that own slices, the first ones
  size_t piece_bytes_;  // of a slice, per chunk
  size_t short_bytes_;  // up to here one pass is faster
  std::unique_ptr<NodeMemory> memory_;
  std::unique_ptr<Ring> ring_;  // of the owners of one slice; null with one node
  uint64_t tick_ = 0;           // the next one
  std::vector<const std::byte*> sources_;
};

}  // namespace podium::comm
