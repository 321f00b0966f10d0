// Frame: the binary messages between a service and its replica on their Unix stream socket.
//
// Grammar, all integers little-endian:
//   frame    := size:u32 kind:u8 zero:u8[3] id:u64 payload:u8[size]
//   payload by kind, service to replica:
//     request  := method:u8 encoding:u8 wanted:u8 priority:u8 timeout_ms:u32 json_bytes:i64
//                 target_size:u16 target:u8[target_size] body:u8[...]
//     prepare  := version:u32 path:u8[...]      load and warm up, answered by prepared or failed
//     activate := version:u32                   from the next request on, answered by activated
//     discard  := version:u32                   forget it, prepared or not
//     ping     :=                               answered by pong at once
//   replica to service:
//     reply    := status:u16 encoding:u8 zero:u8 images:u32 batch_images:u32 version:u32
//                 json_bytes:i64 queue_ns:u64 input_ns:u64 infer_ns:u64 output_ns:u64
//                 body:u8[...]                  `id` is the request's
//     prepared := version:u32
//     failed   := version:u32 reason:u8[...]
//     activated := version:u32
//     pong     := busy_ms:u32                   how long the model has been at its present work
//     decision := version:u32 class:u32 probability:f32 id_size:u16 id:u8[id_size] image:u8[...]
//                                               before the reply; `id` is the request's
//   between a service and a job that joins it, before any other frame (join_door.hpp):
//     join     := secret:u8[...] newline:u8 name:u8[...]
//     welcome  := reason:u8[...]                empty: the seat is taken; else why there is none
// The id of the six frames about a version is the ticket of its deployment: a late report about
// one that was given up is not mistaken for one about its successor.
//
// Pure: no sockets. A reader and the texts it yields are used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/feedback/decision.hpp"
#include "serve/protocol/message.hpp"

namespace podium::serve {

enum class FrameKind : uint8_t {
  request = 1,
  prepare = 2,
  activate = 3,
  discard = 4,
  ping = 5,
  reply = 16,
  prepared = 17,
  failed = 18,
  activated = 19,
  pong = 20,
  decision = 21,
  join = 32,
  welcome = 33,
};

inline constexpr size_t frame_header_bytes = 16;
// What a payload may add to the largest HTTP body: method, target, path or reason.
inline constexpr size_t frame_slack_bytes = size_t{128} << 10;

// A view of one received frame.
struct Frame {
  FrameKind kind{};
  uint64_t id = 0;
  std::string_view payload;
};

// A message that is one whole frame. Throws data_error when it is none.
Frame decode_frame(std::span<const std::byte> message);

// The header of a frame, followed by the beginning of its payload; `more_bytes` of payload follow.
std::string encode_frame(FrameKind kind, uint64_t id, std::string_view payload,
                         size_t more_bytes = 0);

// Everything of a request frame before the body. REQUIRES: target.size() < 65536.
std::string encode_request_head(uint64_t id, Method method, const RequestFields& fields,
                                std::string_view target, size_t body_bytes);

// Everything of a reply frame before the body.
std::string encode_reply_head(uint64_t id, const ReplyFields& fields, size_t body_bytes);

// A frame whose payload is a version and a text (all but request and reply).
std::string encode_version_frame(FrameKind kind, uint64_t ticket, int version,
                                 std::string_view text = {});

// Views of a payload. Each throws data_error when the payload is too short for its kind.
struct RequestView {
  Method method{};
  RequestFields fields;
  std::string_view target;
  std::string_view body;
};
RequestView decode_request(std::string_view payload);

struct ReplyView {
  ReplyFields fields;
  std::string_view body;
};
ReplyView decode_reply(std::string_view payload);

struct VersionView {
  int version = 0;
  std::string_view text;
};
VersionView decode_version(std::string_view payload);

// A whole frame. REQUIRES: the id has at most most_feedback_id_bytes.
std::string encode_decision(uint64_t id, const DecisionView& decision);
DecisionView decode_decision(std::string_view payload);

std::string encode_pong(uint64_t id, uint32_t busy_ms);
uint32_t decode_pong(std::string_view payload);

// Cuts a byte stream into frames.
class FrameReader {
 public:
  // Refuses frames with more than `max_payload_bytes`.
  explicit FrameReader(size_t max_payload_bytes) : max_payload_bytes_(max_payload_bytes) {}

  // Room to receive into, never empty; commit() says how much was received. Ends the life of the
  // frames given out before.
  std::span<char> space();
  void commit(size_t bytes) { end_ += bytes; }

  // Whether a whole frame has arrived that next() has not given out.
  bool has_next() const;
  // The next whole frame, if it has arrived. Throws data_error for one that breaks the grammar.
  std::optional<Frame> next();

 private:
  std::vector<char> buffer_;
  size_t begin_ = 0;          // first byte not yet given out
  size_t end_ = 0;            // end of what was received
  size_t missing_bytes_ = 0;  // of the frame at begin_, as far as known
  size_t max_payload_bytes_;
};

}  // namespace podium::serve
