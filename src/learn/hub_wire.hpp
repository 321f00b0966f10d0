// HubWire: the hub's end of one connection: messages in and out (hub_messages.hpp), without ever
// waiting, so that an explorer that stops in the middle of a word keeps nobody else up.
//
// A peer that does not keep the grammar, or sends more than it may, ends the wire.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"

namespace podium::learn {

class HubWire {
 public:
  using Json = nlohmann::ordered_json;
  using Bytes = std::shared_ptr<const std::vector<std::byte>>;

  struct Message {
    Json head;
    std::vector<std::byte> bytes;
  };

  // `most_bytes` of a head and as many behind it are accepted.
  HubWire(FileDescriptor socket, size_t most_bytes);

  void accept_up_to(size_t most_bytes) { most_bytes_ = most_bytes; }

  // "bytes" is added to the head where there are some.
  void send(Json head, Bytes bytes = nullptr);
  // As far as the socket takes it.
  void flush();
  bool has_unsent() const { return !unsent_.empty(); }

  // The next message, if all of it is here. Valid until the next call.
  std::optional<Message> receive();

  bool open() const { return static_cast<bool>(socket_); }
  int descriptor() const { return socket_.get(); }
  const std::string& why() const { return why_; }  // it is no longer open
  void close(const std::string& why);

 private:
  struct Piece {
    Bytes bytes;
    size_t gone = 0;
  };

  bool fill();
  bool read_head();

  FileDescriptor socket_;
  size_t most_bytes_;
  std::string why_;
  std::deque<Piece> unsent_;
  std::vector<std::byte> in_;  // of the part that comes next
  size_t have_ = 0;
  enum class Part { size, head, bytes } part_ = Part::size;
  Message message_;
};

}  // namespace podium::learn
