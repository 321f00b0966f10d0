// RankWire: messages between this rank and another one, over a communicator, without ever waiting.
//
// A message up to `most_inline_bytes` of payload is one message of the communicator (tag 1). The
// payload of a larger one follows in pieces (tag 2), straight from the sender's memory where that
// stays, and straight to its place.
//
// Threads: that of the communicator.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "comm/communicator.hpp"
#include "ps/link.hpp"
#include "ps/message.hpp"

namespace podium::ps {

class RankWire {
 public:
  enum class Keep { views, copies };

  // A view of `group`.
  RankWire(comm::Communicator& group, int peer) : group_(&group), peer_(peer) {}

  void send(const Outgoing& message, Keep keep);
  // Whether all that was sent has gone.
  bool idle();

  // The next message, if all of it is here; valid until the next call.
  std::optional<Incoming> receive();
  void set_place(Link::Place place) { place_ = std::move(place); }

 private:
  struct Sending {
    std::vector<std::byte> owned;
    std::vector<comm::Request> requests;
  };

  bool await_head();
  std::span<std::byte> memory_for_payload();

  comm::Communicator* group_;
  int peer_;
  std::deque<Sending> sending_;

  std::vector<std::byte> head_;  // and the payload of a small message
  size_t head_size_ = 0;
  bool has_head_ = false;
  std::vector<comm::Request> awaited_;
  Incoming message_;
  Link::Place place_;
  std::unique_ptr<std::byte[]> memory_;
  size_t memory_bytes_ = 0;
};

}  // namespace podium::ps
