// Parameter servers as threads of a test, over an InprocNetwork, and the roster that workers look
// at.
//
// kill() ends a server between two messages, as a crash would between two packets: what it had not
// sent is lost, its links break.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "ps/faults.hpp"
#include "ps/inproc/inproc_network.hpp"
#include "ps/server.hpp"
#include "ps/worker.hpp"

namespace podium::ps::test {

class ThreadServers {
 public:
  ThreadServers(const KeyMap& map, const GroupOptions& options, std::vector<float> theta,
                uint32_t workers, const FaultOptions& faults = {})
      : map_(map), options_(options), faults_(faults) {
    roster_.view = 1;
    for (uint32_t w = 0; w < workers; ++w) roster_.workers.push_back(w);
    for (int s = 0; s < map.servers(); ++s) {
      roster_.servers.push_back({"server " + std::to_string(s), true, true});
      threads_.push_back(std::make_unique<OneThread>());
    }
    for (int s = 0; s < map.servers(); ++s) start(s, &theta);
  }
  ~ThreadServers() {
    for (const auto& thread : threads_) end(*thread);
  }

  // The server is gone, and all are told.
  void kill(int server) {
    end(*threads_[static_cast<size_t>(server)]);
    const std::lock_guard lock(mutex_);
    auto& entry = roster_.servers[static_cast<size_t>(server)];
    entry.alive = entry.current = false;
    ++roster_.view;
  }
  // Another in its place, which gets its state from the others.
  void restart(int server) {
    {
      const std::lock_guard lock(mutex_);
      auto& entry = roster_.servers[static_cast<size_t>(server)];
      entry = {entry.address + "'", true, false};
      ++roster_.view;
    }
    start(server, nullptr);
  }
  bool current(int server) { return roster().servers[static_cast<size_t>(server)].current; }

  Roster roster() {
    const std::lock_guard lock(mutex_);
    return roster_;
  }
  ServerReport report() {
    ServerReport sum;
    for (const auto& thread : threads_) {
      const std::lock_guard lock(thread->mutex);
      sum.add(thread->report);
    }
    return sum;
  }

  std::unique_ptr<Worker> worker(uint32_t number) {
    Connect connect = network_.connect();
    if (faults_.drop + faults_.duplicate + faults_.delay > 0) {
      connect = [inner = network_.connect(), this](const std::string& address, auto limit) {
        return std::unique_ptr<Link>(
            std::make_unique<FaultyLink>(inner(address, limit), faults_, next_way_++));
      };
    }
    return std::make_unique<Worker>(number, map_, options_, connect, [this] { return roster(); });
  }

 private:
  struct OneThread {
    std::atomic<bool> stop{false};
    std::mutex mutex;
    ServerReport report;
    std::thread thread;
  };

  static void end(OneThread& thread) {
    thread.stop = true;
    if (thread.thread.joinable()) thread.thread.join();
  }

  void start(int number, const std::vector<float>* theta) {
    OneThread& mine = *threads_[static_cast<size_t>(number)];
    mine.stop = false;
    std::unique_ptr<Station> station =
        network_.station(roster().servers[static_cast<size_t>(number)].address);
    if (faults_.drop + faults_.duplicate + faults_.delay > 0) {
      station = std::make_unique<FaultyStation>(std::move(station), faults_);
    }
    auto server = std::make_unique<Server>(number, map_, options_);
    if (theta != nullptr) server->initialise(*theta);
    mine.thread = std::thread(
        [this, number, &mine, station = std::move(station), server = std::move(server)]() mutable {
          serve(number, mine, *station, *server);
          server.reset();
          station.reset();
        });
  }

  void serve(int number, OneThread& mine, Station& station, Server& server) {
    std::map<uint32_t, Station::Peer> workers;
    std::map<std::string, Station::Peer> servers;
    Roster seen;
    const auto pass_on = [&](std::span<const Answer> answers) {
      for (const Answer& answer : answers) {
        if (answer.to == Answer::To::worker) {
          if (workers.contains(answer.number)) station.send(workers[answer.number], answer.message);
          continue;
        }
        const std::string& address = seen.servers.at(answer.number).address;
        try {
          if (!servers.contains(address)) {
            servers[address] = station.connect(address, std::chrono::milliseconds(100));
          }
          station.send(servers[address], answer.message);
        } catch (const Error&) {
          // The roster will say so.
        }
      }
    };
    Station::Events events;
    events.received = [&](Station::Peer peer, const Incoming& message) {
      const Header& header = message.header;
      if (header.kind <= Kind::leave && !header.has(Flag::relayed)) workers[header.worker] = peer;
      pass_on(server.handle(message));
      const std::lock_guard lock(mine.mutex);
      mine.report = server.report();
    };
    events.lost = [](Station::Peer) {};
    while (!mine.stop) {
      Roster newest = roster();
      if (newest != seen || !server.current()) {
        seen = newest;
        pass_on(server.see(seen));
      }
      if (server.current()) now_current(number, seen.view);
      station.run(std::chrono::milliseconds(2), events);
    }
  }

  void now_current(int number, uint32_t view) {
    const std::lock_guard lock(mutex_);
    auto& entry = roster_.servers[static_cast<size_t>(number)];
    if (!entry.alive || entry.current || view != roster_.view) return;
    entry.current = true;
    ++roster_.view;
  }

  KeyMap map_;
  GroupOptions options_;
  FaultOptions faults_;
  InprocNetwork network_;
  std::mutex mutex_;
  Roster roster_;
  std::atomic<uint64_t> next_way_{1000};
  std::vector<std::unique_ptr<OneThread>> threads_;
};

}  // namespace podium::ps::test
