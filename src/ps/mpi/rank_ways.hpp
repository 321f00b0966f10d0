// The ways between parameter servers and workers that are ranks of one job: a link and a station
// over a communicator. It is of these alone: nothing else may use it meanwhile.
//
// Nobody is ever lost here: a rank shares the fate of its job. A rank that waits sleeps, after the
// first millisecond.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "ps/link.hpp"
#include "ps/mpi/rank_wire.hpp"

namespace podium::ps {

// Between polls: hot at first, then idle (core/clock.hpp).
class RankPause {
 public:
  void pause();
  void reset();

 private:
  Stopwatch since_;
  Backoff hot_{Backoff::Kind::hot};
  Backoff idle_{Backoff::Kind::idle};
};

class RankLink : public Link {
 public:
  RankLink(comm::Communicator& group, int server) : wire_(group, server) {}

  void send(const Outgoing& message) override { wire_.send(message, RankWire::Keep::views); }
  std::optional<Incoming> receive(std::chrono::milliseconds patience) override;
  bool open() const override { return true; }
  void set_place(Place place) override { wire_.set_place(std::move(place)); }

 private:
  RankWire wire_;
};

class RankStation : public Station {
 public:
  explicit RankStation(comm::Communicator& group);

  void run(std::chrono::milliseconds patience, const Events& events) override;
  void send(Peer to, const Outgoing& message) override;
  // `address` is that of a rank.
  Peer connect(const std::string& address, std::chrono::milliseconds limit) override;
  void drop(Peer) override {}
  std::string address() const override { return std::to_string(rank_); }

  // Whether all that was sent has gone.
  bool idle();

 private:
  bool take_what_is_there(const Events& events);

  int rank_;
  std::vector<RankWire> wires_;  // by rank
  RankPause pause_;
};

// Links to ranks of `group`, which outlives them.
Connect rank_connect(comm::Communicator& group);

}  // namespace podium::ps
