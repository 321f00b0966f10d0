#include "comm/allreduce/fold.hpp"

namespace podium::comm {

Fold::Fold(int ranks, int rank) : rank_(rank) {
  while (size_ * 2 <= ranks) size_ *= 2;
  extra_ = ranks - size_;
  if (!paired()) {
    place_ = rank - extra_;
  } else {
    place_ = rank % 2 == 1 ? rank / 2 : -1;
  }
}

int Fold::rank_of(int place) const {
  return place < extra_ ? 2 * place + 1 : place + extra_;
}

void Fold::enter(Exchange& exchange, const Sum& sum, Watch& watch) const {
  if (!paired()) return;
  const Elements none = sum.out.slice(0, 0);
  const bool gives = place_ < 0;
  exchange.swap_add(watch, {.peer = gives ? rank_ + 1 : rank_ - 1,
                            .outgoing = gives ? sum.out : none,
                            .incoming = gives ? none : sum.out,
                            .wire = sum.wire,
                            .step = "folding in"});
}

void Fold::leave(Exchange& exchange, const Sum& sum, Watch& watch) const {
  if (!paired()) return;
  const Elements none = sum.out.slice(0, 0);
  const bool takes = place_ < 0;
  exchange.swap(watch, {.peer = takes ? rank_ + 1 : rank_ - 1,
                        .outgoing = takes ? none : sum.out,
                        .incoming = takes ? sum.out : none,
                        .wire = sum.wire,
                        .step = "folding out"});
}

}  // namespace podium::comm
