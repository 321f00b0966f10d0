#include "ckpt/engine/block.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

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

struct stat facts_of(const FileDescriptor& descriptor) {
  struct stat facts {};
  if (::fstat(descriptor.get(), &facts) != 0) {
    throw io_error("cannot look at shared memory", "checkpoint engine", errno);
  }
  return facts;
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

Block Block::shared(size_t bytes, const std::string& what) {
  if (bytes == 0) return {};
  check_memory(bytes, what);
  FileDescriptor descriptor(::memfd_create("podium", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!descriptor) throw io_error("cannot make shared memory", what, errno);
  // Reserved here: a lack is told now, and is not a crash at the first touch.
  if (const int error = ::posix_fallocate(descriptor.get(), 0, static_cast<off_t>(bytes))) {
    throw io_error("cannot reserve " + std::to_string(bytes) + " bytes of shared memory", what,
                   error);
  }
  if (::fcntl(descriptor.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw io_error("cannot fix the size of shared memory", what, errno);
  }
  return map(std::move(descriptor), bytes, Access::write);
}

Block Block::map(FileDescriptor descriptor, size_t bytes, Access access) {
  const int protection = PROT_READ | (access == Access::write ? PROT_WRITE : 0);
  void* address =
      ::mmap(nullptr, bytes, protection, MAP_SHARED | MAP_POPULATE, descriptor.get(), 0);
  if (address == MAP_FAILED) throw io_error("cannot map shared memory", "checkpoint engine", errno);
  Block block;
  block.pages_.reset({address, bytes, nullptr});
  block.descriptor_ = std::move(descriptor);
  return block;
}

size_t Block::size_of(const FileDescriptor& descriptor) {
  return static_cast<size_t>(facts_of(descriptor).st_size);
}

uint64_t Block::number_of(const FileDescriptor& descriptor) {
  return facts_of(descriptor).st_ino;
}

Block Block::adopt(void* address, size_t bytes, PagesTraits::Release release) {
  Block block;
  if (address != nullptr) block.pages_.reset({address, bytes, release});
  return block;
}

}  // namespace podium::ckpt::engine
