// RawConnection: a TCP connection that sends any bytes, for tests of what no client would send.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/file_descriptor.hpp"

namespace podium::serve::test {

class RawConnection {
 public:
  // To 127.0.0.1, from `source`.
  explicit RawConnection(int port, const char* source = "127.0.0.1")
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = ::inet_addr(source);
    connected_ =
        ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&from), sizeof(from)) == 0 &&
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  bool connected() const { return connected_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has closed; what it said is still to be read
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  void end_sending() { ::shutdown(socket_.get(), SHUT_WR); }

  // All that arrives until `text` has arrived or the server closes; 10 s at most.
  std::string read_until(std::string_view text) {
    const Deadline deadline(std::chrono::seconds(10));
    while (received_.find(text) == std::string::npos && !deadline.expired()) {
      pollfd poll_for{socket_.get(), POLLIN, 0};
      if (::poll(&poll_for, 1, 100) == 0) continue;
      char bytes[4096];
      const ssize_t got = ::recv(socket_.get(), bytes, sizeof(bytes), 0);
      closed_ = got <= 0;
      if (closed_) break;
      received_.append(bytes, static_cast<size_t>(got));
    }
    return received_;
  }

  // What arrives within `time`, or until the server closes.
  void read_for(std::chrono::milliseconds time) {
    pollfd poll_for{socket_.get(), POLLIN, 0};
    if (::poll(&poll_for, 1, static_cast<int>(time.count())) == 0) return;
    char bytes[4096];
    const ssize_t got = ::recv(socket_.get(), bytes, sizeof(bytes), 0);
    closed_ = got <= 0;
    if (!closed_) received_.append(bytes, static_cast<size_t>(got));
  }

  // Reads until the server closes; returns the first status, or 0 when there is no answer.
  int status_at_end() {
    read_until("a text that no answer holds");
    if (received_.rfind("HTTP/1.1 ", 0) != 0) return 0;
    return std::stoi(received_.substr(9, 3));
  }

  // The status of the next whole answer, which is taken off; 0 when the server closes before. 10 s
  // at most.
  int take_answer() {
    const Deadline deadline(std::chrono::seconds(10));
    while (!deadline.expired()) {
      const size_t head = received_.find("\r\n\r\n");
      const size_t size = head == std::string::npos ? head : head + 4 + body_bytes(head);
      if (size <= received_.size()) {
        const int status = std::stoi(received_.substr(9, 3));
        received_.erase(0, size);
        return status;
      }
      if (closed_) return 0;
      read_for(std::chrono::milliseconds(1000));
    }
    throw std::runtime_error("no answer within 10 s");
  }

  // True once the server has closed the connection.
  bool closed() const { return closed_; }

 private:
  // What Content-Length says in the first `head` bytes; 0 without.
  size_t body_bytes(size_t head) const {
    static constexpr std::string_view name = "Content-Length: ";
    const size_t at = received_.find(name);
    return at < head ? std::stoul(received_.substr(at + name.size())) : 0;
  }

  FileDescriptor socket_;
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

}  // namespace podium::serve::test
