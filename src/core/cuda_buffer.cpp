#include "core/cuda_buffer.hpp"

#include <cstring>

#include "core/cuda_check.hpp"
#include "core/cuda_handles.hpp"

namespace podium::cuda {
namespace {

void check_allocation(cudaError_t status, size_t bytes, const std::string& what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // or the next check of a launch would report it again
  if (status == cudaErrorMemoryAllocation) throw out_of_memory(what, bytes);
  throw error_of(status, what.c_str());
}

// Streams of ours do not wait for the default stream, so the zeros must be there before we return.
void zero_now(void* memory, size_t bytes) {
  check(cudaMemset(memory, 0, bytes), "clearing memory");
  check(cudaStreamSynchronize(nullptr), "clearing memory");
}

// The page tables of a device that cannot be shared with the host page by page need no advice.
bool shares_pages(int device) {
  int shares = 0;
  check(cudaDeviceGetAttribute(&shares, cudaDevAttrConcurrentManagedAccess, device),
        "asking for managed memory");
  return shares != 0;
}

// The driver hands out more managed memory than the device has, and then moves pages back and forth
// without an end.
void check_fits(size_t bytes, const std::string& what) {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for free memory");
  if (bytes > free_bytes) throw out_of_memory(what, bytes, free_bytes, total_bytes);
}

cudaMemLocation location_of(int device) {
  cudaMemLocation location = {};
  location.type = cudaMemLocationTypeDevice;
  location.id = device;
  return location;
}

}  // namespace

void* allocate_device(size_t bytes, const std::string& what) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  check_allocation(cudaMalloc(&memory, bytes), bytes, what);
  zero_now(memory, bytes);
  return memory;
}

void* allocate_pinned(size_t bytes, const std::string& what) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  check_allocation(cudaMallocHost(&memory, bytes), bytes, what);
  std::memset(memory, 0, bytes);
  return memory;
}

void* allocate_managed(size_t bytes, const std::string& what) {
  if (bytes == 0) return nullptr;
  check_fits(bytes, what);
  void* memory = nullptr;
  check_allocation(cudaMallocManaged(&memory, bytes, cudaMemAttachGlobal), bytes, what);
  const int device = current_device();
  if (shares_pages(device)) {
    check(cudaMemAdvise(memory, bytes, cudaMemAdviseSetPreferredLocation, location_of(device)),
          "placing managed memory");
  }
  zero_now(memory, bytes);
  return memory;
}

void free_device(void* memory) noexcept {
  warn(cudaFree(memory), "freeing GPU memory");
}

void free_pinned(void* memory) noexcept {
  warn(cudaFreeHost(memory), "freeing pinned memory");
}

void prefetch(std::span<const float> managed, cudaStream_t stream) {
  const int device = current_device();
  if (managed.empty() || !shares_pages(device)) return;
  check(cudaMemPrefetchAsync(managed.data(), managed.size_bytes(), location_of(device), 0, stream),
        "moving managed memory to the GPU");
}

// From pageable memory cudaMemcpy() returns when it has read all, which is before all has arrived,
// and streams of ours do not wait for the default stream.
void copy_now(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), "copying");
  check(cudaStreamSynchronize(nullptr), "copying");
}

void copy(void* to, const void* from, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copying");
}

void fill_zero(void* memory, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  check(cudaMemsetAsync(memory, 0, bytes, stream), "clearing memory");
}

}  // namespace podium::cuda
