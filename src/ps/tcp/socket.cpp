#include "ps/tcp/socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr int backlog = 128;
constexpr int stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

struct AddressList {
  addrinfo* first = nullptr;
  AddressList() = default;
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

// False where the name cannot be found.
bool look_up(const Address& address, int flags, AddressList& list) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &list.first) == 0;
}

std::pair<sockaddr_un, socklen_t> local_address(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  require(name.size() + 1 < sizeof address.sun_path, "a socket's name is short", "ps socket");
  std::ranges::copy(name, address.sun_path + 1);
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())};
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

std::string name_of_this_machine() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool is_every_interface(const std::string& host) {
  return host == "0.0.0.0" || host == "::" || host == "*";
}

bool connect_within(const FileDescriptor& socket, const sockaddr* address, socklen_t length,
                    Milliseconds limit) {
  if (::connect(socket.get(), address, length) == 0) return true;
  if (errno != EINPROGRESS || !wait_for(socket, POLLOUT, limit)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace

std::string Address::text() const {
  return host + ":" + port + (local.empty() ? "" : "/" + local);
}

Address parse_address(const std::string& text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const size_t colon = text.rfind(':', slash);
  if (colon == std::string::npos || colon == 0 || colon + 1 >= slash) {
    throw usage_error("'" + text + "' is no address", "parameter servers", "write HOST:PORT");
  }
  return {text.substr(0, colon), text.substr(colon + 1, slash - colon - 1),
          slash < text.size() ? text.substr(slash + 1) : ""};
}

std::pair<FileDescriptor, Address> listen_at(const std::string& host_and_port) {
  Address address = parse_address(host_and_port);
  Address bound = address;
  if (bound.host == "*") bound.host = "0.0.0.0";
  AddressList list;
  if (!look_up(bound, AI_PASSIVE, list)) {
    throw usage_error("no such host: " + address.host, host_and_port, "give one of this machine");
  }
  FileDescriptor socket(::socket(list.first->ai_family, stream, 0));
  const int on = 1;
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!socket || ::bind(socket.get(), list.first->ai_addr, list.first->ai_addrlen) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    throw io_error("cannot listen for workers of parameter servers", host_and_port, errno);
  }
  address.port = port_of(socket);
  if (is_every_interface(address.host)) address.host = name_of_this_machine();
  return {std::move(socket), std::move(address)};
}

std::pair<FileDescriptor, std::string> listen_locally() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) {
    throw io_error("cannot make a random name", "getrandom", errno);
  }
  std::string name = "podium-ps-" + to_hex(number);
  const auto [address, length] = local_address(name);
  FileDescriptor socket(::socket(AF_UNIX, stream, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    throw io_error("cannot listen for workers of parameter servers", "local socket " + name, errno);
  }
  return {std::move(socket), std::move(name)};
}

FileDescriptor accept_from(const FileDescriptor& listener) {
  return FileDescriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

FileDescriptor connect_locally(const std::string& name) {
  const auto [address, length] = local_address(name);
  FileDescriptor socket(::socket(AF_UNIX, stream, 0));
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    return {};
  }
  return socket;
}

FileDescriptor connect_to(const Address& address, Milliseconds limit) {
  const auto end = SteadyClock::now() + limit;
  AddressList list;
  if (look_up(address, 0, list)) {
    for (const addrinfo* entry = list.first; entry != nullptr; entry = entry->ai_next) {
      FileDescriptor socket(::socket(entry->ai_family, stream, 0));
      if (socket && connect_within(socket, entry->ai_addr, entry->ai_addrlen, left_until(end))) {
        return socket;
      }
    }
  }
  throw unavailable_error("nobody answers", address.text(),
                          "check that the parameter servers run, and the address");
}

void tune(const FileDescriptor& socket, Milliseconds silence, Milliseconds stall) {
  const int on = 1;
  if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return;
  const auto limit_ms = static_cast<unsigned>(stall.count());
  const int seconds = std::max(1, static_cast<int>(silence.count() / 4000));
  const int probes = 3;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

bool is_own_user(const FileDescriptor& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

bool wait_for(const FileDescriptor& socket, short events, Milliseconds patience) {
  const auto end = SteadyClock::now() + patience;
  while (true) {
    pollfd entry{socket.get(), events, 0};
    const int found = ::poll(&entry, 1, static_cast<int>(left_until(end).count()));
    if (found > 0) return true;
    if (found == 0 && SteadyClock::now() >= end) return false;
    if (found < 0 && errno != EINTR) return false;
  }
}

Milliseconds left_until(SteadyClock::time_point end) {
  const auto left = std::chrono::ceil<Milliseconds>(end - SteadyClock::now());
  return std::clamp(left, Milliseconds(0), Milliseconds(1 << 30));
}

}  // namespace podium::ps
