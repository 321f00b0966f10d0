#include "serve/frame.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace podium::serve {
namespace {

constexpr size_t read_bytes = size_t{64} << 10;
constexpr size_t kept_bytes = size_t{1} << 20;  // a larger buffer is given back once it is empty

template <typename Integer>
void put(std::string* out, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    out->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

template <typename Integer>
Integer get(const char* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return static_cast<Integer>(value);
}

Error broken(const std::string& what) {
  return data_error("broken frame between service and replica: " + what, "frame", "");
}

bool is_kind(uint8_t value) {
  switch (static_cast<FrameKind>(value)) {
    case FrameKind::request:
    case FrameKind::prepare:
    case FrameKind::activate:
    case FrameKind::discard:
    case FrameKind::reply:
    case FrameKind::prepared:
    case FrameKind::failed:
    case FrameKind::activated:
      return true;
  }
  return false;
}

void need(std::string_view payload, size_t bytes, const char* what) {
  if (payload.size() < bytes) throw broken(std::string(what) + " is too short");
}

void put_header(std::string* out, FrameKind kind, uint64_t id, size_t payload_bytes) {
  put<uint32_t>(out, static_cast<uint32_t>(payload_bytes));
  put<uint32_t>(out, static_cast<uint32_t>(kind));
  put<uint64_t>(out, id);
}

}  // namespace

std::string encode_frame(FrameKind kind, uint64_t id, std::string_view payload, size_t more_bytes) {
  std::string out;
  out.reserve(frame_header_bytes + payload.size());
  put_header(&out, kind, id, payload.size() + more_bytes);
  out.append(payload);
  return out;
}

std::string encode_request_head(uint64_t id, Method method, std::string_view target,
                                size_t body_bytes) {
  std::string out;
  out.reserve(frame_header_bytes + 4 + target.size());
  put_header(&out, FrameKind::request, id, 4 + target.size() + body_bytes);
  put<uint16_t>(&out, static_cast<uint16_t>(method));
  put<uint16_t>(&out, static_cast<uint16_t>(target.size()));
  out.append(target);
  return out;
}

std::string encode_reply_head(uint64_t id, int status, size_t body_bytes) {
  std::string out;
  out.reserve(frame_header_bytes + 2);
  put_header(&out, FrameKind::reply, id, 2 + body_bytes);
  put<uint16_t>(&out, static_cast<uint16_t>(status));
  return out;
}

std::string encode_version_frame(FrameKind kind, uint64_t ticket, int version,
                                 std::string_view text) {
  std::string payload;
  put<uint32_t>(&payload, static_cast<uint32_t>(version));
  payload.append(text);
  return encode_frame(kind, ticket, payload);
}

RequestView decode_request(std::string_view payload) {
  need(payload, 4, "a request");
  const auto method = get<uint8_t>(payload.data());
  const size_t target_size = get<uint16_t>(payload.data() + 2);
  if (method > static_cast<uint8_t>(Method::other)) throw broken("unknown method");
  need(payload, 4 + target_size, "a request");
  return {static_cast<Method>(method), payload.substr(4, target_size),
          payload.substr(4 + target_size)};
}

ReplyView decode_reply(std::string_view payload) {
  need(payload, 2, "a reply");
  return {get<uint16_t>(payload.data()), payload.substr(2)};
}

VersionView decode_version(std::string_view payload) {
  need(payload, 4, "a version");
  return {static_cast<int>(get<uint32_t>(payload.data())), payload.substr(4)};
}

std::span<char> FrameReader::space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kept_bytes) std::vector<char>().swap(buffer_);
  }
  const size_t wanted = std::max(read_bytes, missing_bytes_);
  if (buffer_.size() - end_ < wanted) {
    if (begin_ < end_) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    buffer_.resize(std::max(buffer_.size(), end_ + wanted));
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

std::optional<Frame> FrameReader::next() {
  missing_bytes_ = 0;
  const size_t available = end_ - begin_;
  if (available < frame_header_bytes) return std::nullopt;
  const char* header = buffer_.data() + begin_;
  const size_t size = get<uint32_t>(header);
  const auto kind = get<uint32_t>(header + 4);
  if (kind > 0xff || !is_kind(static_cast<uint8_t>(kind))) {
    throw broken("kind " + std::to_string(kind));
  }
  if (size > max_payload_bytes_) {
    throw broken(std::to_string(size) + " bytes, at most " + std::to_string(max_payload_bytes_) +
                 " are allowed");
  }
  if (available < frame_header_bytes + size) {
    missing_bytes_ = frame_header_bytes + size - available;
    return std::nullopt;
  }
  begin_ += frame_header_bytes + size;
  return Frame{
      static_cast<FrameKind>(kind), get<uint64_t>(header + 8), {header + frame_header_bytes, size}};
}

}  // namespace podium::serve
