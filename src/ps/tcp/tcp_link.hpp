// A worker's way to a server in another process: through shared memory and a Unix socket where both
// are on one node, by TCP elsewhere.
#pragma once

#include <memory>

#include "ps/link.hpp"
#include "ps/tcp/spin.hpp"
#include "ps/tcp/wire.hpp"

namespace podium::ps {

class TcpLink : public Link {
 public:
  // Connects to the station at `address` (socket.hpp), and waits until it has agreed to the secret.
  // Throws unavailable_error when nobody answers within `limit`, or the secret is refused.
  TcpLink(const std::string& address, std::chrono::milliseconds limit, WireOptions options);

  void send(const Outgoing& message) override { wire_->send(message, Wire::Keep::views); }
  std::optional<Incoming> receive(std::chrono::milliseconds patience) override;
  bool open() const override { return wire_->open(); }
  void set_place(Place place) override { wire_->set_place(std::move(place)); }

 private:
  const WireOptions options_;
  std::unique_ptr<Wire> wire_;
  Spin spin_;
};

// Links by TcpLink with these options.
Connect tcp_connect(const WireOptions& options);

// A connection to a station, by the best way there is; the greeting is under way. Throws
// unavailable_error. `options` outlive the wire.
std::unique_ptr<Wire> connect_wire(const std::string& address, std::chrono::milliseconds limit,
                                   const WireOptions& options);

}  // namespace podium::ps
