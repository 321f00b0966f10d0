// Hub: where explorers and trainers meet, on the leading trainer's rank.
//
// Explorers connect to it by TCP, show the secret, and then do what they are ordered
// (hub_messages.hpp); trainers ask it what to do next and tell what they have done. What is decided
// is the desk's (desk.hpp). An explorer that goes, breaks the grammar or is silent for too long
// while it is there loses its rollout, which another one gets; nobody else notices.
//
// Threads: one of its own waits for explorers. The functions may be called from any thread; one
// lock guards all. What goes wrong in the thread is thrown by next().
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "learn/desk.hpp"
#include "learn/experience_codec.hpp"
#include "learn/hub_messages.hpp"
#include "learn/weights_road.hpp"

namespace podium::learn {

struct HubOptions {
  DeskOptions desk;
  ExperienceLimits limits;             // of what explorers send
  std::string task;                    // digest of what explorers do
  std::string listen = "127.0.0.1:0";  // HOST:PORT; port 0: any that is free
  int explorers = 1;                   // of this job
  std::chrono::milliseconds silence{30'000};
  std::chrono::milliseconds patience{120'000};  // trainers wait so long while no explorer is there
};

// Seconds that explorers of this and other jobs have spent, in all.
struct ExplorerReport {
  std::array<double, spent_kinds> spent{};
  int came = 0;                                 // connections, those that came again included
  int lost = 0;                                 // that broke before the end
  std::map<int, std::vector<SpentSpan>> spans;  // by explorer; where they tell them
};

class Hub {
 public:
  // `weights` outlives the hub, which tells explorers its ticket. Throws usage_error, io_error.
  Hub(HubOptions options, WeightsOut& weights, Log log);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  const HubAddress& address() const;

  // What the trainers are to do next. Waits up to `wait`; empty when there is nothing yet. Throws
  // unavailable_error when every explorer of this job is left down, or none was there for too long.
  std::optional<Task> next(std::chrono::milliseconds wait);
  void trained(uint64_t batch);
  // Explorers can take these weights from now on.
  void publish(const Version& version, std::span<const float> parameters);
  // Those that were published last.
  std::vector<float> weights() const;
  // Some rank was asked to stop.
  bool stop_wanted() const;

  uint64_t updates() const;
  Version newest() const;
  DeskReport report() const;
  ExplorerReport explorers() const;

  // Tells explorers that learning has ended.
  void end();

  // To a folder, and back before any explorer has come (desk.hpp).
  void save(const std::filesystem::path& folder) const;
  void load(const std::filesystem::path& folder);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace podium::learn
