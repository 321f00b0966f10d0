// Link and Station: the seam between parameter servers and what carries their messages.
//
// Backends: tcp/ (sockets between processes, shared memory where both are on one node), mpi/ (ranks
// of one job, which share its fate) and inproc/ (threads of one process, for tests). faults.hpp
// wraps any of them.
//
// Threads: a link and a station belong to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ps/message.hpp"

namespace podium::ps {

// A worker's end of its way to one server.
class Link {
 public:
  virtual ~Link() = default;

  // Begins to send. What `message` views must stay until its answer came or the link is lost.
  virtual void send(const Outgoing& message) = 0;
  // The next message, if one comes within `patience` (0: only if it is there). Empty otherwise, and
  // when the link is lost. Values that answer a pull land in `place(header)` where that gives
  // memory of header.bytes; the payload then views it.
  virtual std::optional<Incoming> receive(std::chrono::milliseconds patience) = 0;
  // False once the peer is gone; nothing more is sent or received then.
  virtual bool open() const = 0;

  // Where payloads of answers are to be received, so that they need not be copied.
  using Place = std::function<std::span<std::byte>(const Header&)>;
  virtual void set_place(Place place) = 0;
};

// A server's end of its ways to all: workers, and other servers.
class Station {
 public:
  using Peer = uint64_t;  // who, as long as it is connected

  struct Events {
    std::function<void(Peer, const Incoming&)> received;
    std::function<void(Peer)> lost;
  };

  virtual ~Station() = default;

  // Takes what comes, for up to `patience`, and calls `events`; returns sooner once something was
  // done. A station that waits sleeps.
  virtual void run(std::chrono::milliseconds patience, const Events& events) = 0;
  // Sends to a peer; to one that is gone nothing happens. What `message` views may change as soon
  // as this returns: what has not gone yet is copied.
  virtual void send(Peer to, const Outgoing& message) = 0;
  // Connects to another server's station. Throws unavailable_error.
  virtual Peer connect(const std::string& address, std::chrono::milliseconds limit) = 0;
  // Ends the connection to a peer that does not keep the grammar; `lost` is not called.
  virtual void drop(Peer peer) = 0;
  // Where others find this station.
  virtual std::string address() const = 0;
};

// The way from a worker to the server at `address`. Throws unavailable_error.
using Connect =
    std::function<std::unique_ptr<Link>(const std::string& address, std::chrono::milliseconds)>;

}  // namespace podium::ps
