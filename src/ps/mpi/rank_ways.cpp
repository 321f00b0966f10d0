#include "ps/mpi/rank_ways.hpp"

#include "core/error.hpp"

namespace podium::ps {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr double hot_ms = 1;
constexpr int most_messages_a_turn = 16;

int rank_of(const std::string& address, size_t ranks) {
  try {
    const unsigned long rank = std::stoul(address);
    if (rank < ranks) return static_cast<int>(rank);
  } catch (const std::logic_error&) {
  }
  throw unavailable_error("no rank is a parameter server called '" + address + "'",
                          "parameter servers", "give the number of a rank");
}

}  // namespace

void RankPause::pause() {
  if (since_.milliseconds() < hot_ms) {
    hot_.pause();
  } else {
    idle_.pause();
  }
}

void RankPause::reset() {
  since_.restart();
  hot_.reset();
  idle_.reset();
}

std::optional<Incoming> RankLink::receive(Milliseconds patience) {
  const Deadline deadline(patience);
  RankPause pause;
  while (true) {
    wire_.idle();  // what was sent goes on while this rank waits
    if (std::optional<Incoming> message = wire_.receive()) return message;
    if (deadline.expired()) return {};
    pause.pause();
  }
}

RankStation::RankStation(comm::Communicator& group) : rank_(group.rank()) {
  for (int rank = 0; rank < group.size(); ++rank) wires_.emplace_back(group, rank);
}

bool RankStation::take_what_is_there(const Events& events) {
  bool any = false;
  for (size_t rank = 0; rank < wires_.size(); ++rank) {
    if (static_cast<int>(rank) == rank_) continue;
    for (int i = 0; i < most_messages_a_turn; ++i) {
      const std::optional<Incoming> message = wires_[rank].receive();
      if (!message) break;
      any = true;
      events.received(rank, *message);
    }
  }
  return any;
}

void RankStation::run(Milliseconds patience, const Events& events) {
  const Deadline deadline(patience);
  while (true) {
    idle();
    if (take_what_is_there(events)) return pause_.reset();
    if (deadline.expired()) return;
    pause_.pause();
  }
}

void RankStation::send(Peer to, const Outgoing& message) {
  wires_.at(to).send(message, RankWire::Keep::copies);
}

Station::Peer RankStation::connect(const std::string& address, Milliseconds) {
  return static_cast<Peer>(rank_of(address, wires_.size()));
}

bool RankStation::idle() {
  bool all = true;
  for (RankWire& wire : wires_) all = wire.idle() && all;
  return all;
}

Connect rank_connect(comm::Communicator& group) {
  return [&group](const std::string& address, Milliseconds) -> std::unique_ptr<Link> {
    return std::make_unique<RankLink>(group, rank_of(address, static_cast<size_t>(group.size())));
  };
}

}  // namespace podium::ps
