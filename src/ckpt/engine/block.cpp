#include "ckpt/engine/block.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::ckpt::engine {
namespace {

// What new processes could get, by the kernel's own estimate; all there is where it does not tell.
size_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  size_t kilobytes = 0;
  std::string unit;
  while (file >> key >> kilobytes) {
    if (key == "MemAvailable:") return kilobytes << 10;
    std::getline(file, unit);
  }
  return SIZE_MAX;
}

}  // namespace

void PagesTraits::close(Value pages) noexcept {
  if (pages.release != nullptr) return pages.release(pages.address, pages.bytes);
  if (::munmap(pages.address, pages.bytes) != 0) {
    warn_in_destructor("munmap", std::strerror(errno));
  }
}

void check_memory(size_t bytes, const std::string& what) {
  const size_t available = available_bytes();
  if (bytes <= available) return;
  throw unavailable_error(what + " needs " + std::to_string(bytes) + " bytes of memory, " +
                              std::to_string(available) + " are free",
                          "checkpoint engine", "use smaller buckets, or lower --engine.memory");
}

Block::Block(size_t bytes, const std::string& what) {
  if (bytes == 0) return;
  check_memory(bytes, what);
  void* address =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    throw unavailable_error(what + ": no " + std::to_string(bytes) + " bytes of memory",
                            "checkpoint engine", "free some");
  }
  pages_.reset({address, bytes, nullptr});
  static_cast<void>(::madvise(address, bytes, MADV_HUGEPAGE));
  std::memset(address, 0, bytes);
}

Block Block::map(int descriptor, size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) throw io_error("cannot map shared memory", "IPC buffer", errno);
  Block block;
  block.pages_.reset({address, bytes, nullptr});
  return block;
}

Block Block::adopt(void* address, size_t bytes, PagesTraits::Release release) {
  Block block;
  if (address != nullptr) block.pages_.reset({address, bytes, release});
  return block;
}

}  // namespace podium::ckpt::engine
