#include "ps/message.hpp"

#include <bit>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace podium::ps {
namespace {

static_assert(std::endian::native == std::endian::little, "messages are little-endian");

constexpr uint16_t all_flags = sparse | keys_cached | ticks | relayed;

bool is_known(Kind kind) {
  switch (kind) {
    case Kind::hello:
    case Kind::push:
    case Kind::pull:
    case Kind::push_pull:
    case Kind::tick:
    case Kind::leave:
    case Kind::welcome:
    case Kind::done:
    case Kind::values:
    case Kind::refused:
    case Kind::moved:
    case Kind::unknown_keys:
    case Kind::forwarded:
    case Kind::want:
    case Kind::state:
    case Kind::greet:
    case Kind::greeted:
    case Kind::ready:
    case Kind::setup:
    case Kind::seen:
    case Kind::roster:
    case Kind::join:
    case Kind::left:
    case Kind::ping:
    case Kind::pong:
    case Kind::measure:
    case Kind::report:
      return true;
  }
  return false;
}

Error damaged(const std::string& what) {
  return data_error("a message " + what, "parameter servers",
                    "let all processes run the same version of podium");
}

}  // namespace

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::hello:
      return "hello";
    case Kind::push:
      return "push";
    case Kind::pull:
      return "pull";
    case Kind::push_pull:
      return "push_pull";
    case Kind::tick:
      return "tick";
    case Kind::leave:
      return "leave";
    case Kind::state:
      return "state";
    case Kind::want:
      return "want";
    default:
      return "answer";
  }
}

void seal(Outgoing& message) {
  message.header.segments = static_cast<uint32_t>(message.segments.size());
  message.header.bytes = 0;
  for (const auto& part : message.payload) message.header.bytes += part.size();
}

size_t head_bytes(const Header& header) {
  return header_bytes + size_t{header.segments} * sizeof(Segment);
}

void encode_head(const Outgoing& message, std::byte* to) {
  std::memcpy(to, &message.header, header_bytes);
  if (message.segments.empty()) return;
  std::memcpy(to + header_bytes, message.segments.data(),
              message.segments.size() * sizeof(Segment));
}

Header decode_header(std::span<const std::byte, header_bytes> bytes) {
  Header header;
  std::memcpy(&header, bytes.data(), header_bytes);
  if (!is_known(header.kind)) {
    throw damaged("of kind " + std::to_string(static_cast<int>(header.kind)) + ", which is none");
  }
  if (header.encoding > Encoding::bf16) throw damaged("with an unknown encoding");
  if ((header.flags & ~all_flags) != 0) throw damaged("with unknown flags");
  if (header.segments > max_segments) {
    throw damaged("of " + std::to_string(header.segments) + " segments");
  }
  if (header.bytes > max_payload_bytes) {
    throw damaged("of " + std::to_string(header.bytes) + " bytes");
  }
  return header;
}

Incoming decode(std::span<const std::byte> bytes) {
  if (bytes.size() < header_bytes) throw damaged("shorter than its header");
  Incoming message;
  message.header = decode_header(bytes.first<header_bytes>());
  const size_t head = head_bytes(message.header);
  if (bytes.size() < head || bytes.size() - head != message.header.bytes) {
    throw damaged("whose length is not what its header says");
  }
  message.segments = {reinterpret_cast<const Segment*>(bytes.data() + header_bytes),
                      message.header.segments};
  message.payload = bytes.subspan(head);
  return message;
}

std::vector<std::byte> encode(const Outgoing& message) {
  const size_t head = head_bytes(message.header);
  std::vector<std::byte> bytes(head + message.header.bytes);
  encode_head(message, bytes.data());
  std::byte* to = bytes.data() + head;
  for (const auto& part : message.payload) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  return bytes;
}

std::string_view text_of(const Incoming& message) {
  return {reinterpret_cast<const char*>(message.payload.data()), message.payload.size()};
}

}  // namespace podium::ps
