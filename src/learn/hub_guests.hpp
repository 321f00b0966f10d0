// HubGuests: the connections of the hub: who they are, what they say, what they are told.
//
// A guest is a stranger until it has shown the secret; then it is an explorer with a number, or the
// watcher of a rank that keeps explorers. Numbers below `own` belong to explorers of this job, who
// bring them along; those of other jobs get the ones above.
//
// Threads: one at a time (the hub's lock).
#pragma once

#include <array>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "learn/desk.hpp"
#include "learn/hub.hpp"
#include "learn/hub_wire.hpp"

namespace podium::learn {

class HubGuests {
 public:
  // All outlive the object.
  HubGuests(const HubOptions& options, const std::string& secret, const WeightsOut& weights,
            Desk& desk, Log log);

  struct Guest {
    enum class Kind { stranger, watcher, explorer };
    std::unique_ptr<HubWire> wire;
    Kind kind = Kind::stranger;
    int number = -1;
    bool serves = false;         // a service, whose clients are the environment
    bool ready = false;          // it explores
    bool finds_weights = false;  // by the road of the ticket
    Version version = {};        // that it has
    bool left = false;           // the desk knows that it is gone
    SteadyClock::time_point heard;
    std::array<double, spent_kinds> spent{};
  };
  std::list<Guest>& all() { return guests_; }

  void add(FileDescriptor socket);
  // Takes what a guest has said so far, and sends what it could not be sent before.
  void serve(Guest& guest);
  // Those that are silent for too long go, and so do those whose connections have ended.
  void bury();
  // Tells explorers what the desk has for them.
  void deliver();

  // Explorers that go by the connection get these weights from now on.
  void set_weights(const Version& version, std::span<const float> parameters);
  Version weights_version() const { return version_; }
  std::span<const float> weights() const;

  void end();
  size_t ready() const;   // explorers
  bool all_down() const;  // of this job, and none of another is there
  bool stop_wanted() const { return stop_wanted_; }
  ExplorerReport report() const;

 private:
  void hear(Guest& guest, HubWire::Message& message);
  void greet(Guest& guest, const Json& head);
  void welcome(Guest& guest, int number);
  void refuse(Guest& guest, const std::string& why);
  void leave(Guest& guest);
  void hear_watcher(const Json& head);
  void hear_explorer(Guest& guest, HubWire::Message& message);
  void note_taken(Guest& guest, const Version& version);
  void take_rollout(Guest& guest, HubWire::Message& message);
  void order(const Order& order);
  Guest* explorer(int number);
  void note_spent(Guest& guest, const Json& head);

  const HubOptions& options_;
  const std::string& secret_;
  const WeightsOut& road_;
  Desk& desk_;
  Log log_;
  std::list<Guest> guests_;
  HubWire::Bytes bytes_;  // of the newest weights
  Version version_;
  std::set<int> down_;  // explorers of this job
  int next_number_;     // of an explorer of another job
  bool stop_wanted_ = false;
  bool ended_ = false;
  ExplorerReport past_;  // of explorers that have gone
};

// The time that a buffer is told.
Buffer::Time hub_time();

}  // namespace podium::learn
