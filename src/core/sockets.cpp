#include "core/sockets.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr int backlog = 128;
constexpr int stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

// What a name stands for; empty where there is no such name.
class AddressList {
 public:
  AddressList(const std::string& host, const std::string& port, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &first_) != 0) first_ = nullptr;
  }
  ~AddressList() {
    if (first_ != nullptr) ::freeaddrinfo(first_);
  }
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;

  bool empty() const { return first_ == nullptr; }

  // The first socket that `take(socket, address, length)` is content with.
  template <typename Take>
  FileDescriptor first_socket(Take take) const {
    for (const addrinfo* entry = first_; entry != nullptr; entry = entry->ai_next) {
      FileDescriptor socket(::socket(entry->ai_family, stream, 0));
      if (socket && take(socket, entry->ai_addr, entry->ai_addrlen)) return socket;
    }
    return {};
  }

 private:
  addrinfo* first_ = nullptr;
};

std::pair<sockaddr_un, socklen_t> address_inside_node(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  require(name.size() + 1 < sizeof address.sun_path, "a socket's name is short", "sockets");
  std::ranges::copy(name, address.sun_path + 1);
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())};
}

bool listen_at(const FileDescriptor& socket, const sockaddr* address, socklen_t length) {
  return ::bind(socket.get(), address, length) == 0 && ::listen(socket.get(), backlog) == 0;
}

// A connection under way is waited for.
bool connect_to(const FileDescriptor& socket, const sockaddr* address, socklen_t length,
                SteadyClock::time_point end) {
  if (::connect(socket.get(), address, length) == 0) return true;
  if (errno != EINPROGRESS) return false;
  if (wait_for(socket.get(), POLLOUT, end) == 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

// Room for one descriptor beside the bytes.
union Ancillary {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

}  // namespace

FileDescriptor listen_by_tcp(const std::string& host, const std::string& port, bool* found) {
  const AddressList list(host, port, AI_PASSIVE);
  *found = !list.empty();
  return list.first_socket(
      [](const FileDescriptor& socket, const sockaddr* address, socklen_t length) {
        const int on = 1;
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        return listen_at(socket, address, length);
      });
}

FileDescriptor connect_by_tcp(const std::string& host, const std::string& port,
                              Milliseconds limit) {
  const auto end = SteadyClock::now() + limit;
  return AddressList(host, port, 0)
      .first_socket([&](const FileDescriptor& socket, const sockaddr* address, socklen_t length) {
        return connect_to(socket, address, length, end);
      });
}

std::string port_of(const FileDescriptor& socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  const bool six = bound.ss_family == AF_INET6;
  const auto port = six ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                        : reinterpret_cast<const sockaddr_in&>(bound).sin_port;
  return std::to_string(ntohs(port));
}

FileDescriptor listen_inside_node(const std::string& name) {
  const auto [address, length] = address_inside_node(name);
  FileDescriptor socket(::socket(AF_UNIX, stream, 0));
  if (!socket || !listen_at(socket, reinterpret_cast<const sockaddr*>(&address), length)) return {};
  return socket;
}

FileDescriptor connect_inside_node(const std::string& name, Milliseconds limit) {
  const auto [address, length] = address_inside_node(name);
  FileDescriptor socket(::socket(AF_UNIX, stream, 0));
  const Deadline deadline(limit);
  Backoff backoff(Backoff::Kind::idle);
  while (socket) {
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) break;
    if (errno != EAGAIN || deadline.expired()) return {};  // EAGAIN: many wait there
    backoff.pause();
  }
  return socket;
}

bool is_own_user(const FileDescriptor& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

short wait_for(int socket, short events, SteadyClock::time_point end) {
  while (true) {
    const Milliseconds left = left_until(end);
    pollfd entry{socket, events, 0};
    const int found = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (found > 0) return entry.revents;
    if (found == 0 && left.count() == 0) return 0;
    if (found < 0 && errno != EINTR) return 0;
  }
}

bool failed_for_now() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

Milliseconds left_until(SteadyClock::time_point end) {
  const auto left = std::chrono::ceil<Milliseconds>(end - SteadyClock::now());
  return std::clamp(left, Milliseconds(0), Milliseconds(1 << 30));
}

ssize_t send_some(int socket, std::span<const iovec> parts, int passed) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
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

ssize_t receive_some(int socket, std::span<iovec> parts, FileDescriptor* passed) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
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

std::string make_secret() {
  std::array<uint64_t, 2> numbers{};
  if (::getrandom(numbers.data(), sizeof numbers, 0) != static_cast<ssize_t>(sizeof numbers)) {
    throw io_error("cannot make a secret", "getrandom", errno);
  }
  return to_hex(numbers[0]) + to_hex(numbers[1]);
}

bool is_secret(std::span<const std::byte> told, const std::string& secret) {
  const auto known = std::as_bytes(std::span(secret));
  if (told.size() != known.size()) return false;
  std::byte differ{0};
  for (size_t i = 0; i < known.size(); ++i) differ |= told[i] ^ known[i];
  return differ == std::byte{0};
}

}  // namespace podium
