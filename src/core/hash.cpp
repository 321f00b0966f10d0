#include "core/hash.hpp"

// Compiled here, for this machine's vectors: the library's own build takes the least common ones.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <new>

#include "core/handle.hpp"

namespace podium {
namespace {

struct XxhTraits {
  using Value = XXH3_state_t*;
  static Value null() noexcept { return nullptr; }
  static void close(Value state) noexcept { XXH3_freeState(state); }
};

}  // namespace

struct Xxh3Stream::State {
  Handle<XxhTraits> handle;
};

uint64_t xxh3(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Xxh3Stream::Xxh3Stream() : state_(std::make_unique<State>()) {
  state_->handle.reset(XXH3_createState());
  if (!state_->handle) throw std::bad_alloc();
  XXH3_64bits_reset(state_->handle.get());
}

Xxh3Stream::~Xxh3Stream() = default;
Xxh3Stream::Xxh3Stream(Xxh3Stream&&) noexcept = default;
Xxh3Stream& Xxh3Stream::operator=(Xxh3Stream&&) noexcept = default;

void Xxh3Stream::update(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_->handle.get(), bytes.data(), bytes.size());
}

uint64_t Xxh3Stream::digest() const {
  return XXH3_64bits_digest(state_->handle.get());
}

std::string to_hex(uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, value);
  return text.data();
}

}  // namespace podium
