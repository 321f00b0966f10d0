// A GPU on the CPU: kernels as functions, and when they run.
//
// Work given to a stream runs at once, on the thread that gives it, or is kept where that thread
// captures a graph. The blocks of a grid run one after the other. The threads of a block take
// turns: each runs to its end or to the next barrier, where it waits for all others of its block
// that have not ended. A barrier of a warp is one of the block, so the warps of a block must meet
// equally many until they end.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <type_traits>

namespace emulated {

// What the driver shows of the emulated GPU. Tests change it for a while.
struct Machine {
  size_t memory_bytes = size_t{8} << 30;
  int driver = CUDART_VERSION;  // 0: none
  int gpus = 1;
  int capability = 9;  // the major number
  bool managed_memory = true;
};
Machine& machine();

// Of the process so far: allocations of any kind, graphs made ready to launch, launches of them.
struct Counts {
  std::atomic<size_t> allocations{0};
  std::atomic<size_t> graphs{0};
  std::atomic<size_t> launches{0};
};
Counts& counts();

// Which thread of which block runs.
struct Place {
  uint3 thread;
  uint3 block;
  dim3 block_size;
  dim3 grid_size;
};

inline constinit thread_local Place current_place{};

inline Place& place() {
  return current_place;
}

struct Grid {
  dim3 blocks;
  dim3 threads;
  size_t shared_bytes;
  cudaStream_t stream;
};

// Pieces of work that this thread has submitted so far.
size_t thread_work();

// Runs `work` now or keeps it for the graph that this thread captures.
void submit(std::function<void()> work);

// Calls `kernel` for each thread of a grid. A grid that no GPU takes leaves
// cudaErrorInvalidConfiguration for cudaGetLastError().
void launch_grid(const Grid& grid, std::function<void()> kernel);

// The arguments are copied now, as by a GPU.
template <typename Kernel, typename... Arguments>
void launch(const Grid& grid, Kernel kernel, Arguments... arguments) {
  launch_grid(grid, [=] { kernel(arguments...); });
}

// Leaves `status` for cudaGetLastError(), unless it is success, and returns it.
cudaError_t refuse(cudaError_t status);

// Of the threads of a block.
void barrier();

// The slot of a thread of this block, by its number in the block, for exchanges.
uint64_t& slot(unsigned thread);

// The number of the running thread in its block.
inline unsigned thread_number() {
  const Place& at = place();
  return at.thread.x + at.block_size.x * (at.thread.y + at.block_size.y * at.thread.z);
}

// The `value` of the thread whose number differs by an exclusive or with `distance`.
template <typename T>
T exchanged(T value, int distance) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));
  const unsigned mine = thread_number();
  std::memcpy(&slot(mine), &value, sizeof value);
  barrier();
  std::memcpy(&value, &slot(mine ^ static_cast<unsigned>(distance)), sizeof value);
  barrier();
  return value;
}

}  // namespace emulated
