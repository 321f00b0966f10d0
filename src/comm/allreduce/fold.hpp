// Fold: how algorithms that pair ranks by the bits of their numbers serve any number of ranks.
//
// With P ranks and p the largest power of two up to P, the first 2(P-p) ranks pair up: an even one
// gives its vector to the odd one beside it, which takes part for both and returns the sum in the
// end (Rabenseifner 2004). The others take part for themselves.
#pragma once

#include "comm/allreduce/algorithm.hpp"
#include "comm/allreduce/exchange.hpp"

namespace podium::comm {

class Fold {
 public:
  Fold(int ranks, int rank);

  // Those that take part: a power of two, and this rank's number among them; negative: it does not.
  int size() const { return size_; }
  int place() const { return place_; }
  // The rank of the group that has number `place`.
  int rank_of(int place) const;

  // enter() adds what partners give, leave() gives them the result, which is rounded already where
  // values are rounded on the way.
  void enter(Exchange& exchange, const Sum& sum, Watch& watch) const;
  void leave(Exchange& exchange, const Sum& sum, Watch& watch) const;

 private:
  bool paired() const { return rank_ < 2 * extra_; }

  int rank_;
  int size_ = 1;
  int extra_ = 0;
  int place_ = 0;
};

}  // namespace podium::comm
