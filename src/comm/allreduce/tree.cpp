#include "comm/allreduce/tree.hpp"

#include "comm/allreduce/kernels.hpp"

namespace podium::comm {

TreeAllReduce::TreeAllReduce(const Communicator& group) : fold_(group.size(), group.rank()) {}

void TreeAllReduce::run(const Sum& sum, Watch& watch) {
  scale(sum.out, sum.in, sum.weight);
  if (sum.wire.packs()) sum.wire.take_up(sum.out);
  fold_.enter(exchange_, sum, watch);
  if (fold_.place() >= 0) double_up(sum, watch);
  fold_.leave(exchange_, sum, watch);
}

void TreeAllReduce::double_up(const Sum& sum, Watch& watch) {
  for (int bit = 1; bit < fold_.size(); bit <<= 1) {
    exchange_.swap_add(watch, {.peer = fold_.rank_of(fold_.place() ^ bit),
                               .outgoing = sum.out,
                               .incoming = sum.out,
                               .wire = sum.wire,
                               .step = "recursive doubling",
                               .share = 1 / static_cast<float>(bit)});
  }
  const float share = 1 / static_cast<float>(fold_.size());
  if (sum.wire.packs()) sum.wire.round(nullptr, sum.out, share);
}

}  // namespace podium::comm
