// Owners of memory that a GPU can address; views are spans.
//
//   DeviceBuffer   on the device; the host cannot address it
//   PinnedBuffer   on the host, page-locked: copies to and from the device need no detour
//   ManagedBuffer  addressed by both, kept on the device; the host reads and writes it while no
//                  work of the device on it is under way
//
// Move-only; the address stays the same across moves. All are zero at birth. To make one waits for
// the device; none may be made while a graph is captured. Sizes count elements of T.
#pragma once

#include <cuda_runtime_api.h>

#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "core/handle.hpp"

namespace podium::cuda {

// `what` the memory is for stands in the message when there is not enough: "activations". Each
// returns zeroed memory, null for 0 bytes, and throws unavailable_error when there is none.
void* allocate_device(size_t bytes, const std::string& what);
void* allocate_pinned(size_t bytes, const std::string& what);
void* allocate_managed(size_t bytes, const std::string& what);
void free_device(void* memory) noexcept;  // also managed memory
void free_pinned(void* memory) noexcept;

// Managed memory that the host has touched moves back to the current device ahead of work on
// `stream`, which would otherwise fetch it page by page.
void prefetch(std::span<const float> managed, cudaStream_t stream);

// A copy of any kind that has arrived when this returns, for all streams.
void copy_now(void* to, const void* from, size_t bytes);
// Asynchronous copies of any kind; pinned memory lets the caller go on at once.
void copy(void* to, const void* from, size_t bytes, cudaStream_t stream);
void fill_zero(void* memory, size_t bytes, cudaStream_t stream);

template <typename T, void* (*Allocate)(size_t, const std::string&), void (*Free)(void*) noexcept>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  Buffer(size_t count, const std::string& what)
      : memory_(Allocate(count * sizeof(T), what)), count_(count) {}
  Buffer(Buffer&& other) noexcept
      : memory_(std::move(other.memory_)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }

  T* data() const { return static_cast<T*>(memory_.get()); }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }
  std::span<T> span() { return {data(), count_}; }
  std::span<const T> span() const { return {data(), count_}; }

  // Gives up ownership: the caller frees the memory.
  [[nodiscard]] T* release() noexcept {
    count_ = 0;
    return static_cast<T*>(memory_.release());
  }

 private:
  struct Traits {
    using Value = void*;
    static Value null() noexcept { return nullptr; }
    static void close(Value memory) noexcept { Free(memory); }
  };

  Handle<Traits> memory_;
  size_t count_ = 0;
};

template <typename T>
using DeviceBuffer = Buffer<T, allocate_device, free_device>;
template <typename T>
using PinnedBuffer = Buffer<T, allocate_pinned, free_pinned>;
template <typename T>
using ManagedBuffer = Buffer<T, allocate_managed, free_device>;

}  // namespace podium::cuda
