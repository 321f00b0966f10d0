#include "core/hash.hpp"

// Compiled here, for this machine's vectors: the library's own build takes the least common ones.
#define XXH_INLINE_ALL
#include <emmintrin.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <new>

#include "core/handle.hpp"

namespace podium {
namespace {

struct XxhTraits {
  using Value = XXH3_state_t*;
  static Value null() noexcept { return nullptr; }
  static void close(Value state) noexcept { XXH3_freeState(state); }
};

// While 1 KiB is hashed, the next is on its way from memory; in larger steps the times add up.
constexpr size_t step_bytes = 1024;
constexpr size_t line_bytes = 64;

// Whole lines, without reading them first.
void stream_lines(std::byte* to, std::span<const std::byte> bytes) {
  for (size_t i = 0; i < bytes.size(); i += sizeof(__m128i)) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + i)));
  }
}

size_t bytes_to_line(const std::byte* address) {
  return -reinterpret_cast<uintptr_t>(address) % line_bytes;
}

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

void Xxh3Stream::copy(std::span<const std::byte> bytes, std::byte* to) {
  const auto plainly = [&](size_t count) {
    update(bytes.first(count));
    if (count > 0) std::memcpy(to, bytes.data(), count);
    bytes = bytes.subspan(count);
    to += count;
  };
  plainly(std::min(bytes_to_line(to), bytes.size()));
  while (bytes.size() >= line_bytes) {
    const size_t count = std::min(step_bytes, bytes.size() / line_bytes * line_bytes);
    update(bytes.first(count));
    stream_lines(to, bytes.first(count));
    bytes = bytes.subspan(count);
    to += count;
  }
  plainly(bytes.size());
  _mm_sfence();  // before anybody is told
}

void Xxh3Stream::reset() {
  XXH3_64bits_reset(state_->handle.get());
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
