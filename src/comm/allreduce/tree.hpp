// Tree AllReduce, by recursive doubling (Thakur, Rabenseifner & Gropp 2005): the fewest steps, log2
// P, each with the whole vector. For short vectors, where only latency counts.
//
// Every rank is the root of a binomial tree, all at once: with the rank whose number differs in bit
// 0, then 1, and so on, it swaps the sum so far. After step k a rank has the sum over the 2^(k+1)
// ranks that share its higher bits. Ranks beyond the largest power of two fold in first (fold.hpp).
//
// Partners add the same two numbers, one a + b and the other b + a, which round alike: all ranks
// end with identical bits. (Of two NaNs, each may keep the payload of its own.) Where values are
// rounded on the way, a rank goes on with its own as it has sent it; ranks that hold the same sum
// round it alike, and each keeps its share of the error.
#pragma once

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/exchange.hpp"
#include "comm/allreduce/fold.hpp"

namespace podium::comm {

class TreeAllReduce : public SumAlgorithm {
 public:
  explicit TreeAllReduce(const Communicator& group);
  const char* name() const override { return "tree"; }
  bool packs() const override { return true; }
  void run(const Sum& sum, Watch& watch) override;

 private:
  void double_up(const Sum& sum, Watch& watch);

  Fold fold_;
  Exchange exchange_;
};

}  // namespace podium::comm
