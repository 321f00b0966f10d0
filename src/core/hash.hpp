// Fast, non-cryptographic checksums of data (XXH3, 64 bits).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace podium {

uint64_t xxh3(std::span<const std::byte> bytes);

// Incremental XXH3: the digest of all bytes given to update(), in order.
class Xxh3Stream {
 public:
  Xxh3Stream();
  ~Xxh3Stream();
  Xxh3Stream(Xxh3Stream&&) noexcept;
  Xxh3Stream& operator=(Xxh3Stream&&) noexcept;

  void update(std::span<const std::byte> bytes);
  // update(), and copies the bytes to `to`, in one pass over memory and past the caches: for more
  // than they hold, which nobody is about to read. What is copied is what was hashed.
  void copy(std::span<const std::byte> bytes, std::byte* to);
  uint64_t digest() const;
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 16 lower-case hexadecimal digits.
std::string to_hex(uint64_t value);

}  // namespace podium
