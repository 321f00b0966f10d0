// ExplorerCrew: the explorers of one rank, kept running until learning ends.
//
// Each is told where the hub is when it starts; one that dies or is silent for too long is started
// again (core/crew.hpp). The hub hears from the rank which ones are left down, and that the rank
// was asked to stop.
//
// Threads: one of its own. The functions may be called from any.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "learn/explorer_task.hpp"
#include "learn/hub_messages.hpp"

namespace podium::learn {

struct ExplorerCrewOptions {
  ExplorerTask task;
  HubAddress hub;
  std::vector<int> explorers;  // their numbers
  bool of_other_job = false;   // explorers that join: the hub gives them numbers
  std::chrono::milliseconds silence{30'000};
  std::function<bool()> should_stop = {};  // the hub is told, once
};

class ExplorerCrew {
 public:
  ExplorerCrew(ExplorerCrewOptions options, Log log);
  // Kills the explorers.
  ~ExplorerCrew();
  ExplorerCrew(const ExplorerCrew&) = delete;
  ExplorerCrew& operator=(const ExplorerCrew&) = delete;

  int deaths() const;
  bool all_down() const;        // every one died again and again
  bool ended() const;           // the hub has said so to one of them
  std::string refusal() const;  // why the hub takes none of them; empty: it does

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::learn
