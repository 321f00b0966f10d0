// Connection: a non-blocking socket to a server under load, with one request on its way.
//
// Used by one thread, whose epoll it is registered with, edge-triggered.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/channel.hpp"
#include "bench/load/reply_reader.hpp"
#include "core/clock.hpp"

namespace podium::bench {

struct ServerAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// Throws unavailable_error when the name is unknown or nothing listens there.
ServerAddress find_server(const std::string& host, int port);

class Connection {
 public:
  // Begins to connect, by TLS unless `tls` is null; `key` comes back in epoll's events. Throws
  // io_error.
  Connection(const ServerAddress& server, const Tls* tls, int epoll, uint64_t key);

  // REQUIRES: not busy; `request` outlives its answer.
  void send(std::string_view request, SteadyClock::time_point due);

  // An event of epoll: sends and receives what it can. Throws as Channel does.
  enum class Outcome { waits, answered, broken };
  Outcome progress(uint32_t events);

  bool busy() const { return busy_; }
  SteadyClock::time_point due() const { return due_; }
  SteadyClock::time_point sent() const { return sent_; }
  int status() const { return reply_.status; }
  bool keep_alive() const { return reply_.keep_alive; }

 private:
  bool flush();
  Outcome receive(bool to_the_end);

  Channel channel_;
  ReplyReader reader_;
  ReplyReader::Reply reply_;
  std::string_view outgoing_;
  bool connected_ = false;
  bool busy_ = false;
  SteadyClock::time_point due_;
  SteadyClock::time_point sent_;
};

}  // namespace podium::bench
