// SharedMemory: bytes that several ranks of one node reach. Made and joined by a Communicator,
// whose backend knows how: POSIX shared memory between processes, a block on the heap between
// threads.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace podium::comm {

// What ranks write beside each other lies on cache lines of its own (two, as they are fetched).
inline constexpr size_t line_bytes = 128;

class SharedMemory {
 public:
  explicit SharedMemory(std::string name) : name_(std::move(name)) {}
  virtual ~SharedMemory() = default;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // Under which others of the node join it.
  const std::string& name() const { return name_; }
  // Zero at the start, on a page or at least a line boundary; stays while the object lives.
  virtual std::span<std::byte> bytes() = 0;
  // Nobody else can join from now on, and nothing stays behind when the ranks die.
  virtual void forget_name() = 0;

 private:
  std::string name_;
};

// Allocates on line boundaries.
template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  explicit AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{line_bytes}));
  }
  void deallocate(T* memory, size_t) noexcept {
    ::operator delete (memory, std::align_val_t{line_bytes});
  }
  bool operator==(const AlignedAllocator&) const = default;
};
using AlignedBytes = std::vector<std::byte, AlignedAllocator<std::byte>>;

}  // namespace podium::comm
