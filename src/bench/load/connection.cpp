#include "bench/load/connection.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/error.hpp"

namespace podium::bench {
namespace {

constexpr int connect_patience_ms = 10'000;

FileDescriptor new_socket(int family) {
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw io_error("cannot open a socket", "bench serve", errno);
  return socket;
}

// Whether a socket that is connecting arrives, within a limit.
bool arrives(int socket) {
  pollfd wait{socket, POLLOUT, 0};
  if (::poll(&wait, 1, connect_patience_ms) != 1) return false;
  int error = 0;
  socklen_t size = sizeof(error);
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace

ServerAddress find_server(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string where = host + ":" + std::to_string(port);
  const int status = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  if (status != 0) {
    throw unavailable_error(std::string("the server is unknown: ") + ::gai_strerror(status), where,
                            "give HOST:PORT");
  }
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const FileDescriptor socket = new_socket(entry->ai_family);
    if (::connect(socket.get(), entry->ai_addr, entry->ai_addrlen) != 0 &&
        (errno != EINPROGRESS || !arrives(socket.get()))) {
      continue;
    }
    ServerAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    return address;
  }
  throw unavailable_error("nothing listens there", where, "start the service first");
}

Connection::Connection(const ServerAddress& server, const Tls* tls, int epoll, uint64_t key)
    : channel_(new_socket(server.storage.ss_family), tls) {
  const int socket = channel_.socket();
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = key;
  const auto* address = reinterpret_cast<const sockaddr*>(&server.storage);
  const bool begun = ::connect(socket, address, server.size) == 0 || errno == EINPROGRESS;
  if (!begun || ::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) {
    throw io_error("cannot connect", "bench serve", errno);
  }
}

void Connection::send(std::string_view request, SteadyClock::time_point due) {
  outgoing_ = request;
  due_ = due;
  sent_ = SteadyClock::now();
  busy_ = true;
  if (connected_) flush();  // a failure shows as an event
}

Connection::Outcome Connection::progress(uint32_t events) {
  if ((events & EPOLLERR) != 0) return Outcome::broken;
  if ((events & EPOLLOUT) != 0) connected_ = true;
  // After either event: a handshake of TLS goes on by what has come.
  if (connected_ && !flush()) return Outcome::broken;
  const bool ends = (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
  if (!ends && (events & EPOLLIN) == 0) return Outcome::waits;
  return receive(ends);
}

bool Connection::flush() {
  while (!outgoing_.empty()) {
    const ssize_t sent = channel_.send(outgoing_);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    outgoing_.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Until there is nothing more: the next event comes only with new bytes.
Connection::Outcome Connection::receive(bool to_the_end) {
  Outcome outcome = Outcome::waits;
  while (true) {
    const std::span<char> space = reader_.space();
    const ssize_t received = channel_.receive(space);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) return outcome;
    auto reply = std::optional<ReplyReader::Reply>();
    if (received > 0) {
      reader_.commit(static_cast<size_t>(received));
      reply = reader_.next();
    } else {
      reply = reader_.finish();
    }
    if (reply && busy_) {
      reply_ = *reply;
      busy_ = false;
      outcome = Outcome::answered;
    } else if (reply) {
      return Outcome::broken;  // nobody asked
    }
    if (received <= 0) {
      reply_.keep_alive = false;
      return outcome == Outcome::answered ? outcome : Outcome::broken;
    }
    if (!to_the_end && static_cast<size_t>(received) < space.size()) return outcome;
  }
}

}  // namespace podium::bench
