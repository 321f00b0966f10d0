// Window: memory that a worker shares with a server of its node, so that large payloads are not
// sent but lie there: one ring from the worker to the server, one back.
//
// The worker makes it, and its descriptor goes with the greeting. A message says where in the ring
// its payload lies; who has read it says so in a word of the window, and its place is free again.
// Rings are filled from their beginning whenever that is free, so that a few messages in flight
// touch few pages, which stay in the caches. A ring without room is no error: the payload then
// travels by the socket.
//
// Invariants: payloads are freed in the order in which they were put. A position counts on and on;
// its place is position % ring_bytes, a power of two. What the other side writes is checked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/file_descriptor.hpp"
#include "core/handle.hpp"

namespace podium::ps {

struct MappingTraits {
  struct Value {
    void* address = nullptr;
    size_t bytes = 0;
    bool operator==(const Value&) const = default;
  };
  static Value null() noexcept { return {}; }
  static void close(Value mapping) noexcept;
};

class Window {
 public:
  enum class Side { worker, server };
  struct Place {
    uint64_t position = 0;
    std::span<std::byte> bytes;
  };

  // New, with rings of `ring_bytes`, of a worker. Throws usage_error, io_error.
  explicit Window(size_t ring_bytes);
  // The one that a worker shares, of a server. Throws data_error when the descriptor is no window,
  // io_error.
  Window(const FileDescriptor& descriptor, size_t ring_bytes);

  // -1: the one that was shared
  int descriptor() const { return descriptor_.get(); }
  size_t ring_bytes() const { return ring_bytes_; }

  // Room for a payload to the other side; empty when there is none now. It is taken until the other
  // side has freed it. Throws data_error when the other side frees what it never got.
  std::optional<Place> take(size_t bytes);
  // The payload that the other side says to be at `position`; empty if that cannot be.
  std::optional<std::span<const std::byte>> at(uint64_t position, size_t bytes) const;
  // It has been read. `position` and `bytes` as of at().
  void release(uint64_t position, size_t bytes);

 private:
  struct Words;

  std::span<std::byte> ring(Side side) const;
  Words& words() const;

  Side side_;
  size_t ring_bytes_ = 0;
  FileDescriptor descriptor_;
  Handle<MappingTraits> mapping_;
  uint64_t head_ = 0;   // of the own ring: behind what was taken last
  uint64_t floor_ = 0;  // nothing before it is in use
};

}  // namespace podium::ps
