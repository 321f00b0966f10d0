// Block: pages of memory, of this process alone or mapped from a descriptor, or what a backend has
// allocated in its own way. Zero at birth; in huge pages where the system gives them, since weights
// are large and read once.
#pragma once

#include <cstddef>
#include <span>
#include <string>

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
  // Shared, of what `descriptor` leads to. Throws io_error.
  static Block map(int descriptor, size_t bytes);
  // What `release` frees. It may be a GPU's, which the host does not address.
  static Block adopt(void* address, size_t bytes, PagesTraits::Release release);

  std::byte* bytes() const { return static_cast<std::byte*>(pages_.get().address); }
  void* data() const { return pages_.get().address; }
  size_t size() const { return pages_.get().bytes; }
  std::span<std::byte> span() const { return {bytes(), size()}; }

 private:
  Handle<PagesTraits> pages_;
};

// Throws unavailable_error unless the machine has `bytes` to give for `what`.
void check_memory(size_t bytes, const std::string& what);

}  // namespace podium::ckpt::engine
