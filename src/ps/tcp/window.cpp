#include "ps/tcp/window.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "core/log.hpp"

namespace podium::ps {
namespace {

constexpr size_t words_bytes = 4096;
constexpr size_t line_bytes = 64;
constexpr size_t most_ring_bytes = size_t{1} << 31;

size_t rounded(size_t bytes) {
  return (bytes + line_bytes - 1) / line_bytes * line_bytes;
}

size_t window_bytes(size_t ring_bytes) {
  return words_bytes + 2 * ring_bytes;
}

Handle<MappingTraits> map(const FileDescriptor& descriptor, size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
  if (address == MAP_FAILED) throw io_error("cannot map shared memory", "parameter servers", errno);
  return Handle<MappingTraits>({address, bytes});
}

}  // namespace

// How far each ring has been read, by the side that reads it.
struct Window::Words {
  alignas(line_bytes) std::atomic<uint64_t> freed[2];
};

void MappingTraits::close(Value mapping) noexcept {
  if (::munmap(mapping.address, mapping.bytes) != 0) {
    warn_in_destructor("munmap", std::strerror(errno));
  }
}

Window::Window(size_t ring_bytes) : side_(Side::worker), ring_bytes_(ring_bytes) {
  if (!std::has_single_bit(ring_bytes) || ring_bytes < words_bytes ||
      ring_bytes > most_ring_bytes) {
    throw usage_error("a window's ring has " + std::to_string(ring_bytes) + " bytes",
                      "parameter servers", "take a power of two, from 4096 to 2^31");
  }
  descriptor_.reset(::memfd_create("podium-ps", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto bytes = static_cast<off_t>(window_bytes(ring_bytes));
  if (!descriptor_ || ::ftruncate(descriptor_.get(), bytes) != 0 ||
      ::fcntl(descriptor_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw io_error("cannot make shared memory", "parameter servers", errno);
  }
  mapping_ = map(descriptor_, window_bytes(ring_bytes));
}

// Without the seal its maker could take the pages away, and the next access would end this process.
Window::Window(const FileDescriptor& descriptor, size_t ring_bytes)
    : side_(Side::server), ring_bytes_(ring_bytes) {
  struct stat facts {};
  const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
  const bool good = std::has_single_bit(ring_bytes) && ring_bytes >= words_bytes &&
                    ring_bytes <= most_ring_bytes && seals >= 0 && (seals & F_SEAL_SHRINK) != 0 &&
                    ::fstat(descriptor.get(), &facts) == 0 &&
                    static_cast<size_t>(facts.st_size) == window_bytes(ring_bytes);
  if (!good) {
    throw data_error("the shared memory is no window", "parameter servers",
                     "run the same version of Podium everywhere");
  }
  mapping_ = map(descriptor, window_bytes(ring_bytes));
}

Window::Words& Window::words() const {
  return *static_cast<Words*>(mapping_.get().address);
}

// The ring that `side` fills.
std::span<std::byte> Window::ring(Side side) const {
  auto* first = static_cast<std::byte*>(mapping_.get().address) + words_bytes;
  return {first + (side == Side::worker ? 0 : ring_bytes_), ring_bytes_};
}

std::optional<Window::Place> Window::take(size_t bytes) {
  const size_t size = rounded(bytes);
  uint64_t tail = words().freed[static_cast<size_t>(side_)].load(std::memory_order_acquire);
  if (static_cast<int64_t>(tail - floor_) < 0) tail = floor_;
  if (head_ - tail > ring_bytes_) {
    throw data_error("the other side frees what it never got", "a window of shared memory",
                     "run the same version of Podium everywhere");
  }
  const size_t offset = head_ % ring_bytes_;
  const uint64_t beginning = offset == 0 ? head_ : head_ + (ring_bytes_ - offset);
  if (head_ == tail) head_ = floor_ = tail = beginning;
  const auto fits = [&](uint64_t position) {
    return size <= ring_bytes_ - position % ring_bytes_ && position + size - tail <= ring_bytes_;
  };
  const uint64_t position = fits(beginning) ? beginning : head_;
  if (!fits(position)) return {};
  head_ = position + size;
  return Place{position, ring(side_).subspan(position % ring_bytes_, bytes)};
}

std::optional<std::span<const std::byte>> Window::at(uint64_t position, size_t bytes) const {
  const size_t offset = position % ring_bytes_;
  if (offset % line_bytes != 0 || bytes > ring_bytes_ - offset) return {};
  const Side other = side_ == Side::worker ? Side::server : Side::worker;
  return ring(other).subspan(offset, bytes);
}

void Window::release(uint64_t position, size_t bytes) {
  const auto other = static_cast<size_t>(side_ == Side::worker ? Side::server : Side::worker);
  words().freed[other].store(position + rounded(bytes), std::memory_order_release);
}

}  // namespace podium::ps
