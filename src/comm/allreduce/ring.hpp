// Ring AllReduce (Patarasuk & Yuan 2009), pipelined: the most bandwidth that point-to-point gives.
//
// The vector is cut into one chunk per rank, and the ranks form a ring. In the first half
// (reduce-scatter), P-1 times over, each rank passes a partial sum to its right neighbour and adds
// the one that arrives from its left; after it, rank r holds the finished sum of chunk r+1. In the
// second half (all-gather) the finished chunks travel once around. Each rank sends 2(P-1)/P of the
// vector, the least that any algorithm can, in 2(P-1) steps.
//
// Chunks are cut into segments, and the two halves are one stream of them: a segment is sent on as
// soon as it is added, while the next one is under way. A rank that has added the last segment of
// one chunk does not wait for its neighbour to have done so.
//
// A chunk is summed along one path and then copied, so all ranks end with identical bits. Where
// values are rounded on the way, each rank rounds each element once: a partial sum that it passes
// on, or the finished one, which it rounds for itself as well.
#pragma once

#include <array>
#include <vector>

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/exchange.hpp"

namespace podium::comm {

// A ring of some ranks of a group, for whoever needs one.
class Ring {
 public:
  // `members` in order around the ring; this rank is one of them.
  Ring(std::vector<int> members, int rank);

  // values = sum over the members, each of which has added what `wire` had left over.
  void sum(const Elements& values, const Wire& wire, Watch& watch);

 private:
  static constexpr size_t ahead = 4;      // receives that are posted ahead of the one that is added
  static constexpr size_t under_way = 4;  // sends

  struct Stream;
  Elements piece(const Elements& values, int chunk, size_t segment) const;
  void advance(Stream& stream);
  std::span<const std::byte> outgoing(const Stream& stream, size_t i);
  void finish_step(Stream& stream);

  std::vector<int> members_;
  int place_ = 0;
  std::array<AlignedBytes, ahead> landing_;
  std::array<AlignedBytes, under_way> packed_;  // where values are rounded
  std::array<Request, ahead> received_;
  std::array<Request, under_way> sent_;
  Introduction introduction_;
};

class RingAllReduce : public SumAlgorithm {
 public:
  explicit RingAllReduce(const Communicator& group);
  const char* name() const override { return "ring"; }
  bool packs() const override { return true; }
  void run(const Sum& sum, Watch& watch) override;

 private:
  Ring ring_;
};

}  // namespace podium::comm
