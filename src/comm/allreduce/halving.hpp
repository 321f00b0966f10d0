// Recursive halving and doubling (Rabenseifner 2004; Thakur, Rabenseifner & Gropp 2005): as little
// traffic as the ring, 2(P-1)/P of the vector, in 2 log2 P steps.
//
// Reduce-scatter: with the rank whose number differs in the lowest bit, then in the next, each rank
// swaps one half of what it still cares for and adds the other; what it cares for halves each time.
// All-gather: the same partners in reverse order swap what they have finished, which doubles.
// Neighbours swap the most. Ranks beyond the largest power of two fold in first (fold.hpp).
//
// Each element is summed on one rank and then copied, so all ranks end with identical bits. Where
// values are rounded on the way, a rank rounds what it gives away, and in the end what it finished.
#pragma once

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/exchange.hpp"
#include "comm/allreduce/fold.hpp"

namespace podium::comm {

class HalvingAllReduce : public SumAlgorithm {
 public:
  explicit HalvingAllReduce(const Communicator& group);
  const char* name() const override { return "halving"; }
  bool packs() const override { return true; }
  void run(const Sum& sum, Watch& watch) override;

 private:
  void halve(const Sum& sum, Watch& watch);

  Fold fold_;
  Exchange exchange_;
};

}  // namespace podium::comm
