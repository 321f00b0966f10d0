// Messages as bytes: what is encoded comes back, and what is no message is refused.
#include "ps/message.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "core/error.hpp"

namespace podium::ps {
namespace {

std::vector<std::byte> example(const std::array<float, 3>& values) {
  Outgoing message;
  message.header.kind = Kind::push;
  message.header.worker = 7;
  message.header.sequence = 1ULL << 50;
  message.header.home = 3;
  message.header.scale = 0.5F;
  message.segments = {{10, 1}, {40, 2}};
  const auto bytes = std::as_bytes(std::span(values));
  message.payload = {bytes.first(4), bytes.subspan(4)};
  seal(message);
  return encode(message);
}

TEST(Message, ComesBackAsItWas) {
  const std::array<float, 3> values = {1, 2, 3};
  const auto bytes = example(values);
  EXPECT_EQ(bytes.size(), 64u + 2 * 16 + 12);
  const Incoming message = decode(bytes);
  EXPECT_EQ(message.header.kind, Kind::push);
  EXPECT_EQ(message.header.worker, 7u);
  EXPECT_EQ(message.header.sequence, 1ULL << 50);
  EXPECT_EQ(message.header.home, 3);
  EXPECT_EQ(message.header.scale, 0.5F);
  ASSERT_EQ(message.segments.size(), 2u);
  EXPECT_EQ(message.segments[1], (Segment{40, 2}));
  ASSERT_EQ(message.payload.size(), 12u);
  EXPECT_EQ(std::memcmp(message.payload.data(), values.data(), 12), 0);
}

TEST(Message, OfAnotherLengthIsRefused) {
  auto bytes = example({1, 2, 3});
  for (const size_t size : {size_t{0}, size_t{63}, size_t{64}, size_t{90}, bytes.size() - 1}) {
    EXPECT_THROW(decode(std::span(bytes).first(size)), Error) << size;
  }
  bytes.push_back({});
  EXPECT_THROW(decode(bytes), Error);
}

TEST(Message, WithUnknownFieldsIsRefused) {
  struct Damage {
    size_t at;
    uint8_t value;
  };
  for (const Damage damage : {Damage{0, 0}, Damage{0, 200}, Damage{1, 3}, Damage{3, 0x80}}) {
    auto bytes = example({1, 2, 3});
    bytes[damage.at] = std::byte{damage.value};
    EXPECT_THROW(decode(bytes), Error) << damage.at;
  }
}

}  // namespace
}  // namespace podium::ps
