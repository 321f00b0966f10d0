// FrameSocket: a replica's end of its socket, with blocking calls.
//
// One thread receives; any thread sends, a whole frame at a time. Does not own the descriptor.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "serve/replica/frame.hpp"

namespace podium::serve {

class FrameSocket {
 public:
  FrameSocket(int fd, size_t max_payload_bytes) : fd_(fd), reader_(max_payload_bytes) {}

  // The next frame, valid until the next call; empty at the end of the socket. Throws io_error, and
  // data_error for a frame that breaks the grammar.
  std::optional<Frame> receive();
  // Whether the next one has arrived together with the last.
  bool more_at_hand() const { return reader_.has_next(); }

  // Sends `head`, which holds the frame's header, and then `body`. A service that is gone takes
  // nothing; receive() tells of its end. Throws io_error.
  void send(std::string_view head, std::string_view body = {});

 private:
  const int fd_;
  FrameReader reader_;
  std::mutex sending_;
};

// Replies that one thread sends together: those of a batch cost one call, not one each.
class ReplyBundle {
 public:
  explicit ReplyBundle(FrameSocket* socket) : socket_(socket) {}

  // Sends what there is when it has become much. Throws io_error.
  void add(uint64_t id, const ReplyFields& fields, std::string_view body);
  void add(std::string_view frame);
  void send();

 private:
  FrameSocket* socket_;
  std::string frames_;
};

}  // namespace podium::serve
