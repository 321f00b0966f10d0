// A server's end of its ways to workers and other servers: one thread waits for all of them with
// epoll. It listens by TCP, and on a Unix socket for its own node.
//
// Who connects must show the secret before anything else; a peer that does not keep the grammar,
// goes, or stops in the middle of a message for WireOptions::stall is lost, and the others do not
// notice.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ps/link.hpp"
#include "ps/tcp/spin.hpp"
#include "ps/tcp/wire.hpp"

namespace podium::ps {

class TcpStation : public Station {
 public:
  // Listens at HOST:PORT (0: any that is free). Throws usage_error, io_error.
  TcpStation(const std::string& host_and_port, WireOptions options);
  ~TcpStation() override;

  void run(std::chrono::milliseconds patience, const Events& events) override;
  void send(Peer to, const Outgoing& message) override;
  Peer connect(const std::string& address, std::chrono::milliseconds limit) override;
  void drop(Peer peer) override;
  std::string address() const override { return address_; }

  // Ends a run() that waits. From any thread.
  void wake() const;

 private:
  struct Connection {
    std::unique_ptr<Wire> wire;
    bool waits_to_send = false;  // epoll tells when it can
    bool dropped = false;
  };

  Peer add(std::unique_ptr<Wire> wire);
  void accept_all(const FileDescriptor& listener);
  void watch_listeners(bool on) const;
  void serve(Peer peer, Connection& connection, const Events& events);
  void watch_sending(Peer peer, Connection& connection);
  void check_progress();
  void bury(const Events& events);

  const WireOptions options_;
  FileDescriptor listener_;
  FileDescriptor local_listener_;
  FileDescriptor wake_;
  FileDescriptor epoll_;
  std::string address_;
  Spin spin_;
  std::unordered_map<Peer, Connection> connections_;
  Peer next_ = 0;
  std::vector<Peer> unfinished_;  // who may have said more than was listened to
  SteadyClock::time_point checked_;
};

}  // namespace podium::ps
