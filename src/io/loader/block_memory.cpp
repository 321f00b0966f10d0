#include "io/loader/block_memory.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::io {

void MappingTraits::close(Value mapping) noexcept {
  if (munmap(mapping.address, mapping.bytes) != 0) {
    warn_in_destructor("munmap of a block", std::strerror(errno));
  }
}

Mapping map_pages(size_t bytes) {
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    throw unavailable_error(
        "no memory for " + std::to_string(bytes) + " bytes of images: " + std::strerror(errno),
        "--io.cache_memory", "lower it");
  }
  return Mapping({address, bytes});
}

BlockArena::BlockArena(size_t bytes) {
  if (bytes == 0) return;
  pages_ = map_pages(bytes);
  // Advice: systems without huge pages refuse it, and nothing depends on it.
  static_cast<void>(madvise(pages_.get().address, bytes, MADV_HUGEPAGE));
}

BlockMemory BlockArena::allocate(size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes <= pages_.get().bytes - used_) {
      uint8_t* data = static_cast<uint8_t*>(pages_.get().address) + used_;
      used_ += bytes;
      return {data, Mapping()};
    }
  }
  BlockMemory memory{nullptr, map_pages(bytes)};
  memory.data = static_cast<uint8_t*>(memory.own.get().address);
  return memory;
}

}  // namespace podium::io
