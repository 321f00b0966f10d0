#include "core/protobuf.hpp"

#include <array>
#include <bit>

namespace podium {
namespace {

constexpr int kVarint = 0;
constexpr int kFixed64 = 1;
constexpr int kLengthDelimited = 2;
constexpr int kFixed32 = 5;

// Seven bits a byte, the lowest first; the top bit says that more follow.
void add_varint(Pieces& bytes, uint64_t value) {
  std::array<char, 10> text;
  size_t count = 0;
  do {
    const auto low = static_cast<unsigned char>(value & 0x7F);
    value >>= 7;
    text[count++] = static_cast<char>(value != 0 ? low | 0x80 : low);
  } while (value != 0);
  bytes.add({text.data(), count});
}

}  // namespace

void ProtobufMessage::add_tag(int field, int wire_type) {
  add_varint(bytes_, static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
}

void ProtobufMessage::add_length(int field, uint64_t bytes) {
  add_tag(field, kLengthDelimited);
  add_varint(bytes_, bytes);
}

void ProtobufMessage::add_integer(int field, int64_t value) {
  add_tag(field, kVarint);
  add_varint(bytes_, static_cast<uint64_t>(value));
}

void ProtobufMessage::add_float(int field, float value) {
  const auto bits = std::bit_cast<std::array<char, sizeof value>>(value);
  add_tag(field, kFixed32);
  bytes_.add({bits.data(), bits.size()});
}

void ProtobufMessage::add_double(int field, double value) {
  const auto bits = std::bit_cast<std::array<char, sizeof value>>(value);
  add_tag(field, kFixed64);
  bytes_.add({bits.data(), bits.size()});
}

void ProtobufMessage::add_text(int field, std::string_view text) {
  add_length(field, text.size());
  bytes_.add(text);
}

void ProtobufMessage::add_view(int field, std::span<const float> values) {
  add_length(field, values.size_bytes());
  bytes_.add_view(values);
}

void ProtobufMessage::add_message(int field, ProtobufMessage message) {
  add_length(field, message.bytes_.size());
  bytes_.add(std::move(message.bytes_));
}

}  // namespace podium
