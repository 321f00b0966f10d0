// Channel: short JSON messages on a stream socket, with limits; descriptors and plain bytes beside
// them.
//
//   message := size:u32 (little-endian) text:u8[size]
//
// One thread at a time uses a channel. A peer that is gone, is too slow or does not keep the
// grammar ends the channel: every call afterwards says so.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "core/file_descriptor.hpp"

namespace podium {

using Json = nlohmann::ordered_json;

class Channel {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Channel() = default;
  // `most_bytes` of a message are accepted.
  Channel(FileDescriptor socket, size_t most_bytes);

  // Connects to a Unix socket of the abstract name space, or to HOST:PORT. Throws
  // unavailable_error.
  static Channel to_local(const std::string& name, Milliseconds limit);
  static Channel to_peer(const std::string& address, Milliseconds limit);

  int descriptor() const { return socket_.get(); }
  bool open() const { return static_cast<bool>(socket_); }
  // The peer, and copies of the descriptor, see the end at once.
  void close();
  void accept_up_to(size_t most_bytes) { most_bytes_ = most_bytes; }

  // False, and the channel is closed, when the peer did not take all within `limit`.
  bool send(const Json& message, Milliseconds limit, int passed_descriptor = -1);
  bool send_bytes(std::span<const std::byte> bytes, Milliseconds limit);
  // Empty, and the channel is closed, when nothing came within `limit` or it was not understood.
  std::optional<Json> receive(Milliseconds limit, FileDescriptor* passed = nullptr);
  bool receive_bytes(std::span<std::byte> bytes, Milliseconds limit,
                     FileDescriptor* passed = nullptr);

 private:
  FileDescriptor socket_;
  size_t most_bytes_ = 0;
};

// The text under `key`; empty where there is none. A peer may have sent anything.
std::string text_in(const Json& message, const char* key);

inline constexpr size_t most_message_bytes = size_t{256} << 20;
inline constexpr size_t most_first_message_bytes = 4096;  // of somebody not yet known

}  // namespace podium
