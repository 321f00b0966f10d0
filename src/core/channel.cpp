#include "core/channel.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace podium {
namespace {

using Milliseconds = std::chrono::milliseconds;

struct AddressList {
  addrinfo* first = nullptr;
  AddressList() = default;
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

// Whether `events` came before `end`.
bool ready(int socket, short events, SteadyClock::time_point end) {
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(end - SteadyClock::now()).count();
    pollfd entry{socket, events, 0};
    const int found = ::poll(&entry, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
    if (found > 0) return true;
    if (found == 0 && left <= 0) return false;
    if (found < 0 && errno != EINTR) return false;
  }
}

bool again() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// Room for one descriptor beside the bytes.
union Ancillary {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

ssize_t send_some(int socket, std::span<const std::byte> bytes, int passed) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Ancillary ancillary{};
  if (passed >= 0) {
    message.msg_control = ancillary.bytes.data();
    message.msg_controllen = ancillary.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t receive_some(int socket, std::span<std::byte> bytes, FileDescriptor* passed) {
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Ancillary ancillary{};
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = ancillary.bytes.size();
  const ssize_t got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return got;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    FileDescriptor received(descriptor);
    if (passed != nullptr) *passed = std::move(received);
  }
  return got;
}

Error no_answer(const std::string& where) {
  return unavailable_error("the checkpoint engine cannot be reached", where,
                           "check that it runs, and its address");
}

// A connection under way is waited for; the socket does not block afterwards.
bool connect_within(int socket, const sockaddr* address, socklen_t length, Milliseconds limit) {
  if (::connect(socket, address, length) == 0) return true;
  if (errno != EINPROGRESS && errno != EAGAIN) return false;
  if (!ready(socket, POLLOUT, SteadyClock::now() + limit)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
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
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  require(name.size() + 1 < sizeof address.sun_path, "a socket's name is short", "Channel");
  std::ranges::copy(name, address.sun_path + 1);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!socket ||
      !connect_within(socket.get(), reinterpret_cast<const sockaddr*>(&address), length, limit)) {
    throw no_answer("local socket " + name);
  }
  return {std::move(socket), most_message_bytes};
}

Channel Channel::to_peer(const std::string& address, Milliseconds limit) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) throw no_answer(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  AddressList list;
  if (::getaddrinfo(address.substr(0, colon).c_str(), address.substr(colon + 1).c_str(), &hints,
                    &list.first) != 0) {
    throw no_answer(address);
  }
  for (const addrinfo* entry = list.first; entry != nullptr; entry = entry->ai_next) {
    FileDescriptor socket(
        ::socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || !connect_within(socket.get(), entry->ai_addr, entry->ai_addrlen, limit)) {
      continue;
    }
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return {std::move(socket), most_message_bytes};
  }
  throw no_answer(address);
}

bool Channel::send(const Json& message, Milliseconds limit, int passed_descriptor) {
  if (!open()) return false;
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto size = static_cast<uint32_t>(text.size());
  std::array<std::byte, 4> head{};
  std::memcpy(head.data(), &size, head.size());
  const auto end = SteadyClock::now() + limit;
  while (true) {  // the descriptor goes with the first byte
    const ssize_t sent = send_some(socket_.get(), head, passed_descriptor);
    if (sent == static_cast<ssize_t>(head.size())) break;
    if (sent >= 0 || !again() || !ready(socket_.get(), POLLOUT, end)) {
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
    const ssize_t sent = send_some(socket_.get(), bytes, -1);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
    } else if (!again() || !ready(socket_.get(), POLLOUT, end)) {
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
    const ssize_t got = receive_some(socket_.get(), bytes, passed);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<size_t>(got));
    } else if (got == 0 || !again() || !ready(socket_.get(), POLLIN, end)) {
      close();
      return false;
    }
  }
  return true;
}

}  // namespace podium
