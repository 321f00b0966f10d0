#include "comm/allreduce/tree.hpp"

#include "comm/allreduce/kernels.hpp"

namespace podium::comm {

TreeAllReduce::TreeAllReduce(const Communicator& group) : fold_(group.size(), group.rank()) {}

void TreeAllReduce::run(const Sum& sum, Watch& watch) {
  scale(sum.out, sum.in, sum.weight);
  fold_.enter(exchange_, sum.out, watch);
  for (int bit = 1; fold_.place() >= 0 && bit < fold_.size(); bit <<= 1) {
    const int peer = fold_.rank_of(fold_.place() ^ bit);
    exchange_.swap_add(watch, peer, sum.out, sum.out, "recursive doubling");
  }
  fold_.leave(exchange_, sum.out, watch);
}

}  // namespace podium::comm
