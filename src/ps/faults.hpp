// Faults: messages that are dropped, delayed and doubled, and a process that ends in the middle, as
// a seed says: what befalls the nth message of a way depends on the seed, the way and n alone.
//
// Faults befall what is received; a receiver that gets a message late gets a copy. They are for
// tests: of what a network of threads, sockets or ranks does to servers and workers. A simulated
// network (tests/ps/simulated_cluster.hpp) draws from the same plan, and replays whole runs.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/random.hpp"
#include "ps/link.hpp"

namespace podium::ps {

struct FaultOptions {
  uint64_t seed = 0;
  double drop = 0;  // share of the messages that never arrive
  double duplicate = 0;
  double delay = 0;
  uint32_t longest_delay = 8;  // messages that overtake a delayed one, at most
  uint64_t kill_after = 0;     // messages that a station receives before `kill` is called; 0: never
  std::function<void()> kill;
};

// What befalls a message.
struct Fate {
  int copies = 1;      // 0: dropped
  uint32_t delay = 0;  // messages that overtake it
};

class FaultPlan {
 public:
  FaultPlan(const FaultOptions& options, uint64_t way) : options_(options), way_(way) {}
  // Of the next message.
  Fate next();

 private:
  FaultOptions options_;
  uint64_t way_;
  uint64_t messages_ = 0;
};

// Messages that were delayed or doubled, as copies, until so many others have passed.
class FaultyWay {
 public:
  FaultyWay(const FaultOptions& options, uint64_t way) : plan_(options, way) {}

  // Whether `message` is received now; copies for later are kept.
  bool passes(const Incoming& message);
  // A kept one that is due, or, if `all`, the oldest.
  std::optional<std::vector<std::byte>> due(bool all);

 private:
  struct Kept {
    uint64_t due = 0;  // in messages
    std::vector<std::byte> bytes;
  };
  FaultPlan plan_;
  uint64_t messages_ = 0;
  std::deque<Kept> kept_;
};

class FaultyLink : public Link {
 public:
  FaultyLink(std::unique_ptr<Link> link, const FaultOptions& options, uint64_t way)
      : link_(std::move(link)), way_(options, way) {}

  void send(const Outgoing& message) override { link_->send(message); }
  std::optional<Incoming> receive(std::chrono::milliseconds patience) override;
  bool open() const override { return link_->open(); }
  void set_place(Place place) override { link_->set_place(std::move(place)); }

 private:
  std::unique_ptr<Link> link_;
  FaultyWay way_;
  std::vector<std::byte> late_;
};

class FaultyStation : public Station {
 public:
  FaultyStation(std::unique_ptr<Station> station, FaultOptions options)
      : station_(std::move(station)), options_(std::move(options)) {}

  void run(std::chrono::milliseconds patience, const Events& events) override;
  void send(Peer to, const Outgoing& message) override { station_->send(to, message); }
  Peer connect(const std::string& address, std::chrono::milliseconds limit) override {
    return station_->connect(address, limit);
  }
  void drop(Peer peer) override { station_->drop(peer); }
  std::string address() const override { return station_->address(); }

 private:
  void receive(Peer peer, const Incoming& message, const Events& events);
  void deliver_late(Peer peer, bool all, const Events& events);

  std::unique_ptr<Station> station_;
  FaultOptions options_;
  uint64_t received_ = 0;
  std::map<Peer, FaultyWay> ways_;
};

}  // namespace podium::ps
