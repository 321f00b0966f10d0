#include "comm/nccl.tick.hpp"
#include "core/cuda_check.hpp"

namespace podium::comm {
namespace {

__global__ void advance(unsigned* count, volatile unsigned* shown) {
  *shown = ++*count;
}

}  // namespace

void enqueue_tick(unsigned* count, unsigned* shown, cudaStream_t stream) {
  advance<<<1, 1, 0, stream>>>(count, shown);
  cuda::check_launch("counting a sum");
}

}  // namespace podium::comm
