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
  uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// 16 lower-case hexadecimal digits.
std::string to_hex(uint64_t value);

}  // namespace podium
