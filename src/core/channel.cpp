#include "core/channel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/sockets.hpp"

namespace podium {
namespace {

using Milliseconds = std::chrono::milliseconds;

Error no_answer(const std::string& where) {
  return unavailable_error("nobody answers", where,
                           "check that the job there still runs, and its address");
}

iovec part_of(std::span<const std::byte> bytes) {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string text_in(const Json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_string() ? found->get<std::string>() : "";
}

Channel::Channel(FileDescriptor socket, size_t most_bytes)
    : socket_(std::move(socket)), most_bytes_(most_bytes) {}

void Channel::close() {
  if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
}

Channel Channel::to_local(const std::string& name, Milliseconds limit) {
  FileDescriptor socket = connect_inside_node(name, limit);
  if (!socket) throw no_answer("local socket " + name);
  return {std::move(socket), most_message_bytes};
}

Channel Channel::to_peer(const std::string& address, Milliseconds limit) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) throw no_answer(address);
  FileDescriptor socket =
      connect_by_tcp(address.substr(0, colon), address.substr(colon + 1), limit);
  if (!socket) throw no_answer(address);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {std::move(socket), most_message_bytes};
}

bool Channel::send(const Json& message, Milliseconds limit, int passed_descriptor) {
  if (!open()) return false;
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto size = static_cast<uint32_t>(text.size());
  std::array<std::byte, 4> head{};
  std::memcpy(head.data(), &size, head.size());
  const auto end = SteadyClock::now() + limit;
  while (true) {  // the descriptor goes with the first byte
    const iovec part = part_of(head);
    const ssize_t sent = send_some(socket_.get(), std::span(&part, 1), passed_descriptor);
    if (sent == static_cast<ssize_t>(head.size())) break;
    if (sent >= 0 || !failed_for_now() || !wait_for(socket_.get(), POLLOUT, end)) {
      close();
      return false;
    }
  }
  return send_bytes(std::as_bytes(std::span(text)), limit);
}

bool Channel::send_bytes(std::span<const std::byte> bytes, Milliseconds limit) {
  if (!open()) return false;
  const auto end = SteadyClock::now() + limit;
  while (!bytes.empty()) {
    const iovec part = part_of(bytes);
    const ssize_t sent = send_some(socket_.get(), std::span(&part, 1));
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
    } else if (!failed_for_now() || !wait_for(socket_.get(), POLLOUT, end)) {
      close();
      return false;
    }
  }
  return true;
}

std::optional<Json> Channel::receive(Milliseconds limit, FileDescriptor* passed) {
  std::array<std::byte, 4> head{};
  if (!receive_bytes(head, limit, passed)) return {};
  uint32_t size = 0;
  std::memcpy(&size, head.data(), head.size());
  if (size > most_bytes_) {
    close();
    return {};
  }
  std::string text(size, '\0');
  if (!receive_bytes(std::as_writable_bytes(std::span(text)), limit)) return {};
  Json message = Json::parse(text, nullptr, false);
  if (message.is_object()) return message;
  close();
  return {};
}

bool Channel::receive_bytes(std::span<std::byte> bytes, Milliseconds limit,
                            FileDescriptor* passed) {
  if (!open()) return false;
  const auto end = SteadyClock::now() + limit;
  while (!bytes.empty()) {
    iovec part = part_of(bytes);
    const ssize_t got = receive_some(socket_.get(), std::span(&part, 1), passed);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<size_t>(got));
    } else if (got == 0 || !failed_for_now() || !wait_for(socket_.get(), POLLIN, end)) {
      close();
      return false;
    }
  }
  return true;
}

}  // namespace podium
