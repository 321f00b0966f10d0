// AlignedBuffer: the owner of a flat array of floats, at least 64-byte aligned, zero at birth.
//
// Where it lies is up to the backend that makes it (Ops::allocate); by itself it lies in the host's
// memory. Move-only; views are std::span. The address stays the same for the buffer's life, also
// across moves.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace podium::nn {

inline constexpr size_t kAlignmentBytes = 64;
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

class AlignedBuffer {
 public:
  using Free = void (*)(void*) noexcept;

  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count) : data_(allocate(count), free_on_host), count_(count) {}
  // Takes over `data`, zeroed and aligned, which `free` gives back.
  AlignedBuffer(float* data, size_t count, Free free) : data_(data, free), count_(count) {}

  float* data() const { return data_.get(); }
  size_t size() const { return count_; }
  std::span<float> span() { return {data_.get(), count_}; }
  std::span<const float> span() const { return {data_.get(), count_}; }

 private:
  static void free_on_host(void* data) noexcept { std::free(data); }

  static float* allocate(size_t count) {
    if (count == 0) return nullptr;
    const size_t bytes = count * sizeof(float);
    const size_t alignment = bytes >= kHugePageBytes ? kHugePageBytes : kAlignmentBytes;
    const size_t whole = (bytes + alignment - 1) / alignment * alignment;
    void* memory = whole < bytes ? nullptr : std::aligned_alloc(alignment, whole);
    if (memory == nullptr) throw std::bad_alloc();
    // A layer of a large batch goes through more pages than the TLB holds. A kernel that has no
    // huge pages refuses, which costs speed alone.
    if (alignment == kHugePageBytes) static_cast<void>(madvise(memory, whole, MADV_HUGEPAGE));
    std::memset(memory, 0, bytes);
    return static_cast<float*>(memory);
  }

  std::unique_ptr<float, Free> data_{nullptr, free_on_host};
  size_t count_ = 0;
};

}  // namespace podium::nn
