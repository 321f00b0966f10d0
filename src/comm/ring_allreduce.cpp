#include "comm/ring_allreduce.hpp"

#include "comm/allreduce/ring.hpp"

namespace podium::comm {

template <typename T>
void ring_allreduce(Communicator& group, std::span<T> data) {
  Watch watch(group, true);
  watch.start({0, elements(data), WireType::fp32, "a sum by the way"}, "ring");
  RingAllReduce(group).run({elements(data).data, elements(data)}, watch);
}

template void ring_allreduce(Communicator&, std::span<float>);
template void ring_allreduce(Communicator&, std::span<double>);

}  // namespace podium::comm
