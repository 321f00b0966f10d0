// Crew: the worker processes of one rank, their lives and what they say.
//
// A worker is a process of this executable with a socket to its rank, on which short JSON messages
// go both ways. One that dies is started again, a little later each time; after five deaths within
// a minute it is left down. One from which nothing was heard for `silence` while it had work is
// killed, which is a death too.
//
// Threads: belongs to one thread. take() waits at most as long as it is told.
#pragma once

#include <chrono>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/channel.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/worker_process.hpp"

namespace podium {

using Json = nlohmann::ordered_json;

// Who is to be kept running.
struct CrewMember {
  int worker = 0;    // its number in the search
  std::string name;  // for people: "child 3"
  std::vector<std::string> arguments;
  bool counted = false;  // its processor time is that of a child
};

struct CrewEvent {
  enum class What {
    up,    // a process has begun
    said,  // `message`
    died,  // `why`; another process will come
    down,  // `why`; none will
  };
  int worker = 0;
  What what = What::said;
  int life = 0;  // which of the worker's processes, counted from 1
  Json message = Json::object();
  std::string why = {};
};

class Crew {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Crew(std::vector<CrewMember> members, Milliseconds silence, Log log);
  // Kills them.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // What has happened; waits up to `patience` for something to happen. The first calls tell that
  // the workers are up.
  std::vector<CrewEvent> take(Milliseconds patience);

  // To one life of a worker; when that is over, nothing is sent. It has work until it says
  // something that has "done" in it.
  void send(int worker, int life, const Json& message);

  // Processor time so far of those that are counted, also of processes that are gone.
  double cpu_s() const;

  // Ends all of them.
  void end();

 private:
  struct Place {
    CrewMember member;
    std::optional<WorkerProcess> process = {};  // empty while none runs
    Channel channel = {};
    std::deque<SteadyClock::time_point> deaths = {};  // within the last minute
    SteadyClock::time_point start_at = {};
    SteadyClock::time_point heard = {};
    int life = 0;
    bool down = false;
    bool has_work = false;
    double past_cpu_s = 0;  // of processes that are gone
  };

  static CrewEvent event_of(const Place& place, CrewEvent::What what);
  void start(Place& place, std::vector<CrewEvent>* events);
  void wait(Milliseconds patience) const;
  void listen(Place& place, std::vector<CrewEvent>* events);
  void bury(Place& place, std::vector<CrewEvent>* events);

  std::vector<Place> places_;
  Milliseconds silence_;
  Log log_;
};

}  // namespace podium
