// AlignedBuffer: the owner of a flat array of floats, at least 64-byte aligned, zero at birth.
//
// Where it lies is up to the backend that makes it (Ops::allocate); by itself it lies in the host's
// memory. Move-only; views are std::span. The address stays the same for the buffer's life, also
// across moves.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace podium::nn {

inline constexpr size_t kAlignmentBytes = 64;

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
  static void free_on_host(void* data) noexcept {
    ::operator delete (data, std::align_val_t{kAlignmentBytes});
  }

  static float* allocate(size_t count) {
    if (count == 0) return nullptr;
    const size_t bytes = count * sizeof(float);
    void* memory = ::operator new (bytes, std::align_val_t{kAlignmentBytes});
    std::memset(memory, 0, bytes);
    return static_cast<float*>(memory);
  }

  std::unique_ptr<float, Free> data_{nullptr, free_on_host};
  size_t count_ = 0;
};

}  // namespace podium::nn
