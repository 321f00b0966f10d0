#include "comm/allreduce/halving.hpp"

#include <array>

#include "comm/allreduce/kernels.hpp"

namespace podium::comm {

HalvingAllReduce::HalvingAllReduce(const Communicator& group) : fold_(group.size(), group.rank()) {}

void HalvingAllReduce::run(const Sum& sum, Watch& watch) {
  scale(sum.out, sum.in, sum.weight);
  fold_.enter(exchange_, sum.out, watch);
  if (fold_.place() >= 0) halve(sum.out, watch);
  fold_.leave(exchange_, sum.out, watch);
}

void HalvingAllReduce::halve(const Elements& values, Watch& watch) {
  struct Swap {
    int peer;
    Elements kept;
    Elements given;
  };
  std::array<Swap, 31> swaps;
  size_t depth = 0;
  Elements mine = values;
  for (int bit = 1; bit < fold_.size(); bit <<= 1) {
    const bool lower = (fold_.place() & bit) == 0;
    const Elements kept = mine.part(lower ? 0 : 1, 2);
    const Elements given = mine.part(lower ? 1 : 0, 2);
    const int peer = fold_.rank_of(fold_.place() ^ bit);
    exchange_.swap_add(watch, peer, given, kept, "recursive halving");
    swaps[depth++] = {peer, kept, given};
    mine = kept;
  }
  while (depth > 0) {
    const Swap& swap = swaps[--depth];
    exchange_.swap(watch, swap.peer, swap.kept, swap.given, "recursive doubling");
  }
}

}  // namespace podium::comm
