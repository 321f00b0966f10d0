// JoinDoor: the port at which replicas of other jobs join a service.
//
// A newcomer connects by TCP and sends one `join` frame with the service's secret and its name; it
// gets `welcome` and is handed over, or is sent away. Then the connection carries the same frames
// as a local replica's. The secret keeps strangers out; it does not encrypt. A stranger costs
// little: at most `most_handshakes` are listened to at a time, each for `handshake_limit` and
// `handshake_bytes`, and secrets are compared in constant time. Lives on the service's thread. Part
// of the service; includes Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/log.hpp"
#include "serve/replica/replica_link.hpp"

namespace podium::serve {

class JoinDoor {
 public:
  static constexpr size_t most_handshakes = 16;
  static constexpr size_t handshake_bytes = 512;
  static constexpr std::chrono::milliseconds handshake_limit{5'000};

  // Takes over a newcomer; false when there is no seat for it.
  using Join = std::function<bool(ReplicaLink::Socket socket, const std::string& name)>;

  // Listens on `address`:`port`; 0 takes a free one. Throws unavailable_error.
  JoinDoor(boost::asio::io_context& context, const std::string& address, int port,
           std::string secret, Join join, const Log& log);

  int port() const;

 private:
  class Handshake;
  struct Shared;

  void accept();

  std::shared_ptr<Shared> shared_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
};

// In a time that tells nothing of where they differ.
bool same_secret(std::string_view one, std::string_view other);

// 1 to 128 letters, digits, '.', '_' and '-'.
bool is_replica_name(std::string_view name);

}  // namespace podium::serve
