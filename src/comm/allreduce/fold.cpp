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

void Fold::enter(Exchange& exchange, const Elements& values, Watch& watch) const {
  if (!paired()) return;
  if (place_ < 0) {
    exchange.swap_add(watch, rank_ + 1, values, values.slice(0, 0), "folding in");
  } else {
    exchange.swap_add(watch, rank_ - 1, values.slice(0, 0), values, "folding in");
  }
}

void Fold::leave(Exchange& exchange, const Elements& values, Watch& watch) const {
  if (!paired()) return;
  if (place_ < 0) {
    exchange.swap(watch, rank_ + 1, values.slice(0, 0), values, "folding out");
  } else {
    exchange.swap(watch, rank_ - 1, values, values.slice(0, 0), "folding out");
  }
}

}  // namespace podium::comm
