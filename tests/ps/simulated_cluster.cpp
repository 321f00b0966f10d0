#include "ps/simulated_cluster.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#include "core/hash.hpp"
#include "ps/simulated_node.hpp"

namespace podium::ps::test {
namespace {

constexpr int64_t end_us = 600'000'000;    // virtual; a run that is not over then never will be
constexpr int64_t settled_us = 1'000'000;  // after which all know who is there
constexpr int64_t latency_us = 2'000;
constexpr int64_t extra_delay_us = 150'000;  // of a delayed message
constexpr int64_t notice_us = 20'000;        // until a view, or a death, is known
constexpr int64_t watch_us = 40'000;
constexpr uint64_t sequences_per_life = 1'000'000;

KeyMap map_of(const ClusterOptions& options) {
  const auto of_home = static_cast<size_t>(options.workers * options.steps * 4);
  GroupOptions group = options.group;
  group.split_values = 1;
  return KeyMap({{"ledger", of_home * static_cast<size_t>(group.servers)}}, group);
}

}  // namespace

SimulatedCluster::SimulatedCluster(ClusterOptions options)
    : options_(std::move(options)), random_(options_.seed, 17), map_(map_of(options_)) {
  options_.faults.seed = options_.seed;
  options_.group.optimizer.rule = Rule::sum;
  options_.group.retry = std::chrono::milliseconds(200);
  roster_.view = 1;
  const std::vector<float> theta(map_.values());
  for (int s = 0; s < map_.servers(); ++s) {
    roster_.servers.push_back({"life 0", true, true});
    servers_.push_back({std::make_unique<Server>(s, map_, options_.group), 0});
    servers_.back().server->initialise(theta);
  }
  for (int w = 0; w < options_.workers; ++w) {
    roster_.workers.push_back(static_cast<uint32_t>(w));
    workers_.push_back(std::make_unique<WorkerNode>());
    workers_.back()->number = static_cast<uint32_t>(w);
  }
  for (const ServerNode& node : servers_) node.server->see(roster_);
  for (const auto& node : workers_) {
    after(chance_us(latency_us), [this, number = node->number] { start_worker(number); });
  }
  if (options_.server_deaths > 0) {
    after(chance_us(60'000), [this] { kill_some_server(options_.server_deaths); });
  }
  if (options_.worker_deaths > 0) {
    after(chance_us(60'000), [this] { kill_some_worker(options_.worker_deaths); });
  }
}

SimulatedCluster::~SimulatedCluster() = default;

void SimulatedCluster::after(int64_t delay_us, std::function<void()> act) {
  events_.push({now_us_ + delay_us, order_++, std::move(act)});
}

void SimulatedCluster::run() {
  int64_t end = end_us;
  while (!events_.empty() && now_us_ < end) {
    if (finished()) end = std::min(end, now_us_ + settled_us);
    Event event = events_.top();
    events_.pop();
    now_us_ = event.at_us;
    event.act();
  }
  check_end();
}

bool SimulatedCluster::finished() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& node) { return node->doing == WorkerNode::Doing::gone; });
}

int SimulatedCluster::life_of(const Place& place) const {
  return place.server ? servers_[place.number].life : workers_[place.number]->life;
}

// Ways keep the order of what is sent on them; a delayed message loses its place.
void SimulatedCluster::send(const Place& from, const Place& to, const Outgoing& message) {
  const std::pair way(from, to);
  const uint64_t name =
      mix64(from.number * 2 + (from.server ? 1 : 0)) ^ (to.number * 2 + (to.server ? 1 : 0));
  FaultPlan& plan = plans_.try_emplace(way, options_.faults, name).first->second;
  const Fate fate = plan.next();
  const std::vector<std::byte> bytes = encode(message);
  for (int copy = 0; copy < fate.copies; ++copy) {
    int64_t at = now_us_ + chance_us(latency_us);
    if (fate.delay > 0 || copy > 0) {
      at += chance_us(extra_delay_us);
    } else {
      at = std::max(at, last_arrival_[way]);
      last_arrival_[way] = at;
    }
    after(at - now_us_, [this, to, life = life_of(to), bytes] { deliver(to, life, bytes); });
  }
}

void SimulatedCluster::deliver(const Place& to, int life, const std::vector<std::byte>& bytes) {
  if (life != life_of(to)) return;  // its connection ended with the peer
  ++messages_;
  log_ = mix64(log_ ^ xxh3(bytes) ^ mix64(static_cast<uint64_t>(now_us_)) ^ to.number * 2 ^
               (to.server ? 1 : 0));
  if (to.server) {
    ServerNode& node = servers_[to.number];
    if (node.server) pass_on(to.number, node.server->handle(decode(bytes)));
    return;
  }
  WorkerNode& node = *workers_[to.number];
  if (!node.machine) return;
  try {
    node.machine->received(decode(bytes), now_ms());
  } catch (const std::exception& error) {
    fail("worker " + std::to_string(to.number) + ": " + error.what());
    return;
  }
  pump(node);
}

void SimulatedCluster::pass_on(uint32_t server, std::span<const Answer> answers) {
  for (const Answer& answer : answers) {
    const bool to_server = answer.to == Answer::To::server;
    if (!to_server && answer.number >= workers_.size()) continue;
    send({true, server}, {to_server, answer.number}, answer.message);
  }
}

// A new view, which each node learns in its own time.
void SimulatedCluster::publish() {
  ++roster_.view;
  for (uint32_t s = 0; s < servers_.size(); ++s) {
    after(chance_us(notice_us), [this, s, roster = roster_, life = servers_[s].life] {
      ServerNode& node = servers_[s];
      if (node.server && node.life == life) pass_on(s, node.server->see(roster));
    });
  }
  for (const auto& node : workers_) {
    after(chance_us(notice_us), [this, node = node.get(), roster = roster_] {
      if (!node->machine) return;
      node->machine->see(roster);
      pump(*node);
    });
  }
}

// What a server that joins does until all know that it holds its ranges.
void SimulatedCluster::ask_again(uint32_t server, int life) {
  ServerNode& node = servers_[server];
  if (!node.server || node.life != life || roster_.servers[server].current) return;
  const Roster seen = roster_;
  pass_on(server, node.server->see(seen));
  if (node.server->current()) {
    after(chance_us(latency_us),
          [this, server, life, view = seen.view] { told_current(server, life, view); });
  }
  after(100'000, [this, server, life] { ask_again(server, life); });
}

void SimulatedCluster::told_current(uint32_t server, int life, uint32_t view) {
  if (servers_[server].life != life || view != roster_.view || roster_.servers[server].current) {
    return;
  }
  roster_.servers[server].current = true;
  publish();
}

void SimulatedCluster::kill_some_server(int left) {
  if (left == 0 || finished()) return;
  bool whole = true;
  for (size_t s = 0; s < servers_.size(); ++s) {
    whole = whole && servers_[s].server && roster_.servers[s].current;
  }
  if (!whole) {
    after(50'000, [this, left] { kill_some_server(left); });
    return;
  }
  const auto victim = static_cast<uint32_t>(random_.below(servers_.size()));
  ++failovers_;
  servers_[victim].server.reset();
  ++servers_[victim].life;
  after(chance_us(notice_us), [this, victim] {
    roster_.servers[victim].alive = false;
    roster_.servers[victim].current = false;
    publish();
    if (!options_.restarts) return;
    after(chance_us(200'000), [this, victim] {
      ServerNode& node = servers_[victim];
      node.server = std::make_unique<Server>(static_cast<int>(victim), map_, options_.group);
      ++node.life;
      roster_.servers[victim] = {"life " + std::to_string(node.life), true, false};
      publish();
      ask_again(victim, node.life);
    });
  });
  after(chance_us(200'000), [this, left] { kill_some_server(left - 1); });
}

void SimulatedCluster::kill_some_worker(int left) {
  if (left == 0) return;
  WorkerNode& node = *workers_[random_.below(workers_.size())];
  if (node.machine && node.doing != WorkerNode::Doing::join &&
      node.doing != WorkerNode::Doing::leave && node.doing != WorkerNode::Doing::gone) {
    for (auto& pushed : node.book) {
      if (pushed.clock + 1 >= node.machine->clock()) pushed.may_be_missing = true;
    }
    count(*node.machine);
    node.machine.reset();
    ++node.life;
    node.restarted = true;
    after(chance_us(3 * notice_us), [this, number = node.number] {
      std::erase(roster_.workers, number);
      publish();
      after(chance_us(100'000), [this, number] {
        roster_.workers.push_back(number);
        publish();
        start_worker(number);
      });
    });
    --left;
  }
  after(chance_us(200'000), [this, left] { kill_some_worker(left); });
}

void SimulatedCluster::start_worker(uint32_t number) {
  WorkerNode& node = *workers_[number];
  node.doing = WorkerNode::Doing::join;
  node.machine = std::make_unique<WorkerMachine>(
      number, map_, options_.group, static_cast<uint64_t>(node.life + 1) * sequences_per_life,
      roster_);
  node.theta.assign(map_.values(), 0);
  pump(node);
  watch(number, node.life);
}

void SimulatedCluster::watch(uint32_t number, int life) {
  WorkerNode& node = *workers_[number];
  if (!node.machine || node.life != life) return;
  node.machine->elapse(now_ms());
  if (node.machine->wants_roster()) node.machine->see(roster_);
  pump(node);
  after(watch_us, [this, number, life] { watch(number, life); });
}

void SimulatedCluster::count(const WorkerMachine& machine) {
  const std::vector<uint64_t>& ages = machine.report().staleness;
  ages_.resize(std::max(ages_.size(), ages.size()));
  for (size_t age = 0; age < ages.size(); ++age) ages_[age] += ages[age];
}

void SimulatedCluster::fail(const std::string& what) {
  wrong_.push_back(std::to_string(now_us_) + " us: " + what);
}

size_t SimulatedCluster::place_of(int home, uint32_t worker, size_t push) const {
  return map_.range_of(home).first + worker * pushes_per_worker() + push;
}

std::vector<float> SimulatedCluster::theta() {
  std::vector<float> theta(map_.values());
  for (int home = 0; home < map_.servers(); ++home) {
    const Segment range = map_.range_of(home);
    Outgoing pull;
    pull.header.kind = Kind::pull;
    pull.header.worker = observer;
    pull.header.home = static_cast<uint16_t>(home);
    pull.segments = {range};
    seal(pull);
    const std::vector<std::byte> bytes = encode(pull);
    bool answered = false;
    for (const ServerNode& node : servers_) {
      if (!node.server) continue;
      for (const Answer& answer : node.server->handle(decode(bytes))) {
        if (answer.message.header.kind != Kind::values) continue;
        answered = true;
        std::memcpy(theta.data() + range.first, answer.message.payload.front().data(),
                    range.count * sizeof(float));
      }
    }
    if (!answered) fail("nobody answers for home " + std::to_string(home));
  }
  return theta;
}

}  // namespace podium::ps::test
