// SimulatedCluster: servers, workers and the keeper of the roster on a network that a seed rules:
// delays, drops, doubles, deaths and restarts. The servers and workers are the real ones, driven by
// events in virtual time, so a run is repeated to the last message by its seed.
//
// Θ is a ledger. Every push of a worker adds 1 to a place of its own in the range of every home,
// and the rule is the sum: what is in Θ says which pushes count, and how often. Each read is
// checked as it comes; check_end() looks at the end (what is wrong is a line in `wrong`).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "ps/faults.hpp"
#include "ps/server.hpp"
#include "ps/worker_machine.hpp"

namespace podium::ps::test {

struct ClusterOptions {
  uint64_t seed = 0;
  GroupOptions group;
  int workers = 3;
  int steps = 6;
  FaultOptions faults;    // of every way; the seed is the cluster's
  int server_deaths = 0;  // one after the other, each once all are current again
  int worker_deaths = 0;  // of workers, which start again
  bool restarts = true;   // servers that died are started again
};

class SimulatedCluster {
 public:
  explicit SimulatedCluster(ClusterOptions options);
  ~SimulatedCluster();

  // Until all workers have left, or nothing happens any more.
  void run();

  bool finished() const;
  uint64_t log_hash() const { return log_; }  // of every message, when and where it came
  uint64_t messages() const { return messages_; }
  const std::vector<std::string>& wrong() const { return wrong_; }
  // Reads by age, as the workers recorded them.
  const std::vector<uint64_t>& ages() const { return ages_; }
  std::vector<float> theta();  // from the servers that answer
  int failovers() const { return failovers_; }

 private:
  struct Event {
    int64_t at_us = 0;
    uint64_t order = 0;
    std::function<void()> act;
    bool operator<(const Event& other) const {
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };
  struct ServerNode {
    std::unique_ptr<Server> server;  // null: dead
    int life = 0;
  };
  struct WorkerNode;
  // Where messages go: a server or a worker.
  struct Place {
    bool server = false;
    uint32_t number = 0;
    bool operator<(const Place& other) const {
      return server != other.server ? server < other.server : number < other.number;
    }
  };

  int64_t now_ms() const { return now_us_ / 1000; }
  void after(int64_t delay_us, std::function<void()> act);
  int64_t chance_us(int64_t most) {
    return static_cast<int64_t>(random_.below(static_cast<uint64_t>(most))) + 1;
  }
  void send(const Place& from, const Place& to, const Outgoing& message);
  void deliver(const Place& to, int life, const std::vector<std::byte>& bytes);
  int life_of(const Place& place) const;
  void pass_on(uint32_t server, std::span<const Answer> answers);

  void publish();
  void ask_again(uint32_t server, int life);
  void told_current(uint32_t server, int life, uint32_t view);
  void kill_some_server(int left);
  void kill_some_worker(int left);
  void start_worker(uint32_t number);
  void pump(WorkerNode& node);
  void advance(WorkerNode& node);
  void push_some(WorkerNode& node);
  static void machine_done(WorkerNode& node);
  void watch(uint32_t number, int life);

  void count(const WorkerMachine& machine);
  void check_read(WorkerNode& node, const std::vector<float>& theta, uint32_t clock);
  void check_end();
  void fail(const std::string& what);
  size_t place_of(int home, uint32_t worker, size_t push) const;
  size_t pushes_per_worker() const { return static_cast<size_t>(options_.steps) * 4; }

  ClusterOptions options_;
  Random random_;
  KeyMap map_;
  Roster roster_;
  std::vector<ServerNode> servers_;
  std::vector<std::unique_ptr<WorkerNode>> workers_;
  std::priority_queue<Event> events_;
  std::map<std::pair<Place, Place>, int64_t> last_arrival_;
  std::map<std::pair<Place, Place>, FaultPlan> plans_;
  int64_t now_us_ = 0;
  uint64_t order_ = 0;
  uint64_t log_ = 0;
  uint64_t messages_ = 0;
  int failovers_ = 0;
  std::vector<std::string> wrong_;
  std::vector<uint64_t> ages_;
};

}  // namespace podium::ps::test
