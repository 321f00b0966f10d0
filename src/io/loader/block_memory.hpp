// Memory for blocks of images: whole pages from the system, given back when a block leaves.
//
// Blocks that stay for good are cut from one arena that asks for huge pages, which shortens random
// reads; others get a mapping of their own, so that eviction frees exactly what was held. All
// functions are thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "core/handle.hpp"

namespace podium::io {

struct MappedBytes {
  void* address = nullptr;
  size_t bytes = 0;
  bool operator==(const MappedBytes&) const = default;
};

struct MappingTraits {
  using Value = MappedBytes;
  static Value null() noexcept { return {}; }
  static void close(Value mapping) noexcept;
};

using Mapping = Handle<MappingTraits>;

// Anonymous pages, zeros. Throws unavailable_error when the system has no memory.
Mapping map_pages(size_t bytes);

// One block's bytes: a piece of an arena, or a mapping of its own.
struct BlockMemory {
  uint8_t* data = nullptr;
  Mapping own;
};

class BlockArena {
 public:
  // Address space for `bytes`; pages are taken as blocks are written. 0 for no arena.
  explicit BlockArena(size_t bytes);

  // From the arena if it has room, else a mapping of its own. Throws unavailable_error.
  BlockMemory allocate(size_t bytes);

 private:
  Mapping pages_;
  std::mutex mutex_;
  size_t used_ = 0;
};

}  // namespace podium::io
