// Frames between a service and its replicas, cut into pieces as a socket might, and whole, as ranks
// send them: whatever is taken lies within what was received, and everything else is refused as bad
// data.
#include <cstring>
#include <span>

#include "fuzz/target.hpp"
#include "serve/replica/frame.hpp"

using namespace podium;
using namespace podium::serve;

namespace {

constexpr size_t max_payload_bytes = 4096;

void read_payload(const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::request: {
      const RequestView view = decode_request(frame.payload);
      fuzz::expect(view.target.size() + view.body.size() < frame.payload.size(), "a long request");
      const std::string head =
          encode_request_head(frame.id, view.method, view.fields, view.target, view.body.size());
      fuzz::expect(frame.payload.substr(0, head.size() - frame_header_bytes) ==
                       std::string_view(head).substr(frame_header_bytes),
                   "a request that changes");
      break;
    }
    case FrameKind::reply: {
      const ReplyView view = decode_reply(frame.payload);
      fuzz::expect(view.body.size() < frame.payload.size(), "a long reply");
      break;
    }
    case FrameKind::decision: {
      const DecisionView view = decode_decision(frame.payload);
      fuzz::expect(encode_decision(frame.id, view).substr(frame_header_bytes) == frame.payload,
                   "a decision that changes");
      break;
    }
    default:
      fuzz::expect(decode_version(frame.payload).text.size() + 4 == frame.payload.size(),
                   "a text of another length");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::read_or_refuse([&] {
    FrameReader reader(max_payload_bytes);
    constexpr size_t piece = 13;
    for (size_t begin = 0; begin < size; begin += piece) {
      const size_t bytes = std::min(piece, size - begin);
      const std::span<char> space = reader.space();
      fuzz::expect(space.size() >= bytes, "no room to receive");
      std::memcpy(space.data(), data + begin, bytes);
      reader.commit(bytes);
      while (const auto frame = reader.next()) {
        fuzz::expect(frame->payload.size() <= max_payload_bytes, "a frame above the limit");
        read_payload(*frame);
      }
    }
  });
  fuzz::read_or_refuse([&] { read_payload(decode_frame(std::as_bytes(std::span(data, size)))); });
  return 0;
}
