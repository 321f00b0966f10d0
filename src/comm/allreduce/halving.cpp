#include "comm/allreduce/halving.hpp"

#include <array>

#include "comm/allreduce/kernels.hpp"

namespace podium::comm {

HalvingAllReduce::HalvingAllReduce(const Communicator& group) : fold_(group.size(), group.rank()) {}

void HalvingAllReduce::run(const Sum& sum, Watch& watch) {
  scale(sum.out, sum.in, sum.weight);
  if (sum.wire.packs()) sum.wire.take_up(sum.out);
  fold_.enter(exchange_, sum, watch);
  if (fold_.place() >= 0) halve(sum, watch);
  fold_.leave(exchange_, sum, watch);
}

void HalvingAllReduce::halve(const Sum& sum, Watch& watch) {
  struct Halves {
    int peer;
    Elements kept;
    Elements given;
  };
  std::array<Halves, 31> halves;
  size_t depth = 0;
  Elements mine = sum.out;
  for (int bit = 1; bit < fold_.size(); bit <<= 1) {
    const bool lower = (fold_.place() & bit) == 0;
    const Elements kept = mine.part(lower ? 0 : 1, 2);
    const Elements given = mine.part(lower ? 1 : 0, 2);
    const int peer = fold_.rank_of(fold_.place() ^ bit);
    exchange_.swap_add(watch, {peer, given, kept, sum.wire, "recursive halving"});
    halves[depth++] = {peer, kept, given};
    mine = kept;
  }
  if (sum.wire.packs()) sum.wire.round(nullptr, mine);
  while (depth > 0) {
    const auto& [peer, kept, given] = halves[--depth];
    exchange_.swap(watch, {peer, kept, given, sum.wire, "recursive doubling"});
  }
}

}  // namespace podium::comm
