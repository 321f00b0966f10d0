#include "serve/replica/frame_socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/error.hpp"

namespace podium::serve {
namespace {

iovec part_of(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

constexpr size_t enough_bytes = size_t{128} << 10;  // to send without waiting for more

}  // namespace

std::optional<Frame> FrameSocket::receive() {
  while (true) {
    if (const std::optional<Frame> frame = reader_.next()) return frame;
    const std::span<char> space = reader_.space();
    const ssize_t got = ::read(fd_, space.data(), space.size());
    if (got == 0) return std::nullopt;
    if (got > 0) {
      reader_.commit(static_cast<size_t>(got));
    } else if (errno == ECONNRESET) {
      return std::nullopt;
    } else if (errno != EINTR) {
      throw io_error("cannot read from the service", "socket", errno);
    }
  }
}

void FrameSocket::send(std::string_view head, std::string_view body) {
  const std::lock_guard lock(sending_);
  while (!head.empty() || !body.empty()) {
    std::array<iovec, 2> parts = {part_of(head), part_of(body)};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE || errno == ECONNRESET) return;
      throw io_error("cannot write to the service", "socket", errno);
    }
    const size_t of_head = std::min(head.size(), static_cast<size_t>(sent));
    head.remove_prefix(of_head);
    body.remove_prefix(static_cast<size_t>(sent) - of_head);
  }
}

void ReplyBundle::add(uint64_t id, const ReplyFields& fields, std::string_view body) {
  const std::string head = encode_reply_head(id, fields, body.size());
  if (body.size() >= enough_bytes) {
    send();
    return socket_->send(head, body);
  }
  frames_.append(head).append(body);
  if (frames_.size() >= enough_bytes) send();
}

void ReplyBundle::add(std::string_view frame) {
  frames_.append(frame);
  if (frames_.size() >= enough_bytes) send();
}

void ReplyBundle::send() {
  if (frames_.empty()) return;
  socket_->send(frames_);
  frames_.clear();
}

}  // namespace podium::serve
