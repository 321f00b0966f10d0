// Block: pages of memory, of this process alone or shared by a descriptor, or what a backend has
// allocated in its own way. Zero at birth; in huge pages where the system gives them, since weights
// are large and read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/file_descriptor.hpp"
#include "core/handle.hpp"

namespace podium::ckpt::engine {

struct PagesTraits {
  using Release = void (*)(void* address, size_t bytes) noexcept;
  struct Value {
    void* address = nullptr;
    size_t bytes = 0;
    Release release = nullptr;  // null: they are unmapped
    bool operator==(const Value&) const = default;
  };
  static Value null() noexcept { return {}; }
  static void close(Value pages) noexcept;
};

class Block {
 public:
  Block() = default;
  // Of this process alone; `what` it is for stands in the message when there is none
  // (unavailable_error). The pages are there afterwards: no later access can fail for lack of
  // memory without the system's doing.
  Block(size_t bytes, const std::string& what);
  // Shared with whoever gets the descriptor: memory without a name. Throws unavailable_error,
  // io_error. The pages are there afterwards, too.
  static Block shared(size_t bytes, const std::string& what);
  // What another process shares. Throws io_error.
  enum class Access { read, write };
  static Block map(FileDescriptor descriptor, size_t bytes, Access access);
  // Of memory behind a descriptor: its size, and a number that no other memory of the machine has.
  // Throw io_error.
  static size_t size_of(const FileDescriptor& descriptor);
  static uint64_t number_of(const FileDescriptor& descriptor);
  // What `release` frees. It may be a GPU's, which the host does not address.
  static Block adopt(void* address, size_t bytes, PagesTraits::Release release);

  std::byte* bytes() const { return static_cast<std::byte*>(pages_.get().address); }
  void* data() const { return pages_.get().address; }
  size_t size() const { return pages_.get().bytes; }
  int descriptor() const { return descriptor_.get(); }  // -1: not shared
  std::span<std::byte> span() const { return {bytes(), size()}; }

 private:
  Handle<PagesTraits> pages_;
  FileDescriptor descriptor_;
};

// Throws unavailable_error unless the machine has `bytes` to give for `what`.
void check_memory(size_t bytes, const std::string& what);

}  // namespace podium::ckpt::engine
