#include "learn/explorer_crew.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "core/channel.hpp"
#include "core/crew.hpp"
#include "core/error.hpp"
#include "learn/explorer.hpp"

namespace podium::learn {
namespace {

using namespace std::chrono_literals;

constexpr auto turn = 100ms;
constexpr auto hub_limit = 10s;

std::vector<CrewMember> members(const ExplorerCrewOptions& options) {
  std::vector<CrewMember> members;
  for (const int number : options.explorers) {
    members.push_back({.worker = number,
                       .name = "explorer " + std::to_string(number),
                       .arguments = explorer_command(options.task)});
  }
  return members;
}

}  // namespace

struct ExplorerCrew::State {
  State(ExplorerCrewOptions given, Log log)
      : options(std::move(given)), crew(members(options), options.silence, std::move(log)) {}
  ~State() {
    ending = true;
    thread.join();
  }

  void run() {
    while (!ending) {
      for (const CrewEvent& event : crew.take(turn)) note(event);
      if (options.should_stop && !told_to_stop && options.should_stop()) {
        told_to_stop = true;
        tell({{"stop", true}});
      }
    }
    crew.end();
  }

  void note(const CrewEvent& event) {
    using What = CrewEvent::What;
    switch (event.what) {
      case What::up:
        return crew.send(event.worker, event.life,
                         {{"hub", options.hub.address},
                          {"secret", options.hub.secret},
                          {"explorer", options.of_other_job ? -1 : event.worker}});
      case What::said:
        if (event.message.contains("ended")) ended = true;
        if (event.message.contains("refused")) note_refusal(text_in(event.message, "refused"));
        return;
      case What::down:
        down.insert(event.worker);
        all_down = down.size() == options.explorers.size();
        if (!options.of_other_job) tell({{"down", event.worker}});
        [[fallthrough]];
      case What::died:
        ++deaths;
    }
  }

  void note_refusal(const std::string& why) {
    const std::lock_guard hold(lock);
    refusal = why;
  }

  // A hub that cannot be reached ends the job itself.
  void tell(const Json& message) {
    try {
      if (!hub.open()) {
        hub = Channel::to_peer(options.hub.address, hub_limit);
        hub.send({{"podium", "learn"}, {"secret", options.hub.secret}, {"rank", true}}, hub_limit);
      }
      hub.send(message, hub_limit);
    } catch (const Error&) {
      hub.close();
    }
  }

  const ExplorerCrewOptions options;
  Crew crew;
  Channel hub;
  std::set<int> down;
  bool told_to_stop = false;
  mutable std::mutex lock;  // of the refusal
  std::string refusal;
  std::atomic<int> deaths{0};
  std::atomic<bool> all_down{false};
  std::atomic<bool> ended{false};
  std::atomic<bool> ending{false};
  std::thread thread{[this] { run(); }};  // last: it uses what is above
};

ExplorerCrew::ExplorerCrew(ExplorerCrewOptions options, Log log)
    : state_(std::make_unique<State>(std::move(options), std::move(log))) {}
ExplorerCrew::~ExplorerCrew() = default;

int ExplorerCrew::deaths() const {
  return state_->deaths;
}

bool ExplorerCrew::all_down() const {
  return state_->all_down;
}

bool ExplorerCrew::ended() const {
  return state_->ended;
}

std::string ExplorerCrew::refusal() const {
  const std::lock_guard hold(state_->lock);
  return state_->refusal;
}

}  // namespace podium::learn
