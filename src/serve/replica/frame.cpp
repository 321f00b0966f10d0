#include "serve/replica/frame.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.hpp"

namespace podium::serve {
namespace {

constexpr size_t read_bytes = size_t{64} << 10;
constexpr size_t request_bytes = 18;            // of a request before its target
constexpr size_t reply_bytes = 56;              // of a reply before its body
constexpr size_t decision_bytes = 14;           // of a decision before its id
constexpr size_t kept_bytes = size_t{1} << 20;  // a larger buffer is given back once it is empty

constexpr float most_probability = 1.001F;  // a softmax rounds

template <typename Integer>
void put(std::string* out, Integer value) {
  std::array<char, sizeof(Integer)> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  }
  out->append(bytes.data(), bytes.size());
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

Encoding encoding_of(uint8_t value) {
  if (value > static_cast<uint8_t>(Encoding::deflate)) throw broken("unknown encoding");
  return static_cast<Encoding>(value);
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
    case FrameKind::ping:
    case FrameKind::pong:
    case FrameKind::decision:
    case FrameKind::join:
    case FrameKind::welcome:
      return true;
  }
  return false;
}

FrameKind kind_of(uint32_t value) {
  if (value > 0xff || !is_kind(static_cast<uint8_t>(value))) {
    throw broken("kind " + std::to_string(value));
  }
  return static_cast<FrameKind>(value);
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

Frame decode_frame(std::span<const std::byte> message) {
  const std::string_view bytes(reinterpret_cast<const char*>(message.data()), message.size());
  need(bytes, frame_header_bytes, "a frame");
  const char* header = bytes.data();
  const size_t size = get<uint32_t>(header);
  if (bytes.size() != frame_header_bytes + size) throw broken("a message is no whole frame");
  return {kind_of(get<uint32_t>(header + 4)), get<uint64_t>(header + 8),
          bytes.substr(frame_header_bytes)};
}

std::string encode_frame(FrameKind kind, uint64_t id, std::string_view payload, size_t more_bytes) {
  std::string out;
  out.reserve(frame_header_bytes + payload.size());
  put_header(&out, kind, id, payload.size() + more_bytes);
  out.append(payload);
  return out;
}

std::string encode_request_head(uint64_t id, Method method, const RequestFields& fields,
                                std::string_view target, size_t body_bytes) {
  std::string out;
  out.reserve(frame_header_bytes + request_bytes + target.size());
  put_header(&out, FrameKind::request, id, request_bytes + target.size() + body_bytes);
  put(&out, static_cast<uint8_t>(method));
  put(&out, static_cast<uint8_t>(fields.encoding));
  put(&out, static_cast<uint8_t>(fields.wanted));
  put(&out, fields.priority);
  put(&out, fields.timeout_ms);
  put(&out, fields.json_bytes);
  put<uint16_t>(&out, static_cast<uint16_t>(target.size()));
  out.append(target);
  return out;
}

std::string encode_reply_head(uint64_t id, const ReplyFields& fields, size_t body_bytes) {
  std::string out;
  out.reserve(frame_header_bytes + reply_bytes);
  put_header(&out, FrameKind::reply, id, reply_bytes + body_bytes);
  put(&out, static_cast<uint16_t>(fields.status));
  put(&out, static_cast<uint16_t>(fields.encoding));
  put(&out, fields.cost.images);
  put(&out, fields.cost.batch_images);
  put(&out, fields.cost.version);
  put(&out, fields.json_bytes);
  put(&out, fields.cost.queue_ns);
  put(&out, fields.cost.input_ns);
  put(&out, fields.cost.infer_ns);
  put(&out, fields.cost.output_ns);
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
  need(payload, request_bytes, "a request");
  const char* bytes = payload.data();
  const auto method = get<uint8_t>(bytes);
  if (method > static_cast<uint8_t>(Method::other)) throw broken("unknown method");
  RequestFields fields;
  fields.encoding = encoding_of(get<uint8_t>(bytes + 1));
  fields.wanted = encoding_of(get<uint8_t>(bytes + 2));
  fields.priority = get<uint8_t>(bytes + 3);
  fields.timeout_ms = get<uint32_t>(bytes + 4);
  fields.json_bytes = get<int64_t>(bytes + 8);
  const size_t target_size = get<uint16_t>(bytes + 16);
  need(payload, request_bytes + target_size, "a request");
  return {static_cast<Method>(method), fields, payload.substr(request_bytes, target_size),
          payload.substr(request_bytes + target_size)};
}

ReplyView decode_reply(std::string_view payload) {
  need(payload, reply_bytes, "a reply");
  const char* bytes = payload.data();
  ReplyFields fields;
  fields.status = get<uint16_t>(bytes);
  fields.encoding = encoding_of(get<uint8_t>(bytes + 2));
  fields.cost.images = get<uint32_t>(bytes + 4);
  fields.cost.batch_images = get<uint32_t>(bytes + 8);
  fields.cost.version = get<uint32_t>(bytes + 12);
  fields.json_bytes = get<int64_t>(bytes + 16);
  fields.cost.queue_ns = get<uint64_t>(bytes + 24);
  fields.cost.input_ns = get<uint64_t>(bytes + 32);
  fields.cost.infer_ns = get<uint64_t>(bytes + 40);
  fields.cost.output_ns = get<uint64_t>(bytes + 48);
  return {fields, payload.substr(reply_bytes)};
}

VersionView decode_version(std::string_view payload) {
  need(payload, 4, "a version");
  return {static_cast<int>(get<uint32_t>(payload.data())), payload.substr(4)};
}

std::string encode_decision(uint64_t id, const DecisionView& decision) {
  std::string payload;
  payload.reserve(decision_bytes + decision.id.size() + decision.image.size());
  put<uint32_t>(&payload, static_cast<uint32_t>(decision.version));
  put<uint32_t>(&payload, static_cast<uint32_t>(decision.action));
  put<uint32_t>(&payload, std::bit_cast<uint32_t>(decision.probability));
  put<uint16_t>(&payload, static_cast<uint16_t>(decision.id.size()));
  payload.append(decision.id).append(decision.image);
  return encode_frame(FrameKind::decision, id, payload);
}

DecisionView decode_decision(std::string_view payload) {
  need(payload, decision_bytes, "a decision");
  const char* bytes = payload.data();
  const size_t id_size = get<uint16_t>(bytes + 12);
  need(payload, decision_bytes + id_size, "a decision");
  const auto probability = std::bit_cast<float>(get<uint32_t>(bytes + 8));
  if (!(probability > 0 && probability <= most_probability)) throw broken("no probability");
  return {static_cast<int>(get<uint32_t>(bytes)), static_cast<int>(get<uint32_t>(bytes + 4)),
          probability, payload.substr(decision_bytes, id_size),
          payload.substr(decision_bytes + id_size)};
}

std::string encode_pong(uint64_t id, uint32_t busy_ms) {
  std::string payload;
  put(&payload, busy_ms);
  return encode_frame(FrameKind::pong, id, payload);
}

uint32_t decode_pong(std::string_view payload) {
  need(payload, 4, "a pong");
  return get<uint32_t>(payload.data());
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

bool FrameReader::has_next() const {
  const size_t available = end_ - begin_;
  return available >= frame_header_bytes &&
         available - frame_header_bytes >= get<uint32_t>(buffer_.data() + begin_);
}

std::optional<Frame> FrameReader::next() {
  missing_bytes_ = 0;
  const size_t available = end_ - begin_;
  if (available < frame_header_bytes) return std::nullopt;
  const char* header = buffer_.data() + begin_;
  const size_t size = get<uint32_t>(header);
  const FrameKind kind = kind_of(get<uint32_t>(header + 4));
  if (size > max_payload_bytes_) {
    throw broken(std::to_string(size) + " bytes, at most " + std::to_string(max_payload_bytes_) +
                 " are allowed");
  }
  if (available < frame_header_bytes + size) {
    missing_bytes_ = frame_header_bytes + size - available;
    return std::nullopt;
  }
  begin_ += frame_header_bytes + size;
  return Frame{kind, get<uint64_t>(header + 8), {header + frame_header_bytes, size}};
}

}  // namespace podium::serve
