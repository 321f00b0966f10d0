// What simulated workers do, and the checks of what they read.
#include <algorithm>

#include "ps/simulated_node.hpp"

namespace podium::ps::test {
// Sends what is to go, and goes on with what is done.
void SimulatedCluster::pump(WorkerNode& node) {
  while (const auto next = node.machine->next_departure(now_ms())) {
    send({false, node.number}, {true, static_cast<uint32_t>(next.server)}, *next.message);
  }
  if (node.doing == WorkerNode::Doing::join ? !node.machine->joined()
                                            : !node.machine->done(node.ticket)) {
    return;
  }
  advance(node);
  if (node.doing == WorkerNode::Doing::gone) return;
  while (const auto next = node.machine->next_departure(now_ms())) {
    send({false, node.number}, {true, static_cast<uint32_t>(next.server)}, *next.message);
  }
}

void SimulatedCluster::advance(WorkerNode& node) {
  WorkerMachine& machine = *node.machine;
  using Now = WorkerNode::Doing;
  switch (node.doing) {
    case Now::push:
    case Now::step:
      for (size_t p = node.first_new; p < node.book.size(); ++p) node.book[p].acknowledged = true;
      if (node.doing == Now::push) {
        node.doing = Now::tick;
        node.ticket = machine.tick();
        return;
      }
      check_read(node, node.theta, static_cast<uint32_t>(machine.clock()));
      break;
    case Now::pull:
      check_read(node, node.theta, node.read_clock);
      push_some(node);
      return;
    case Now::leave:
      count(machine);
      machine_done(node);
      return;
    case Now::gone:
      return;
    case Now::join:
    case Now::tick:
      break;
  }
  const bool over = machine.clock() >= static_cast<uint64_t>(options_.steps) ||
                    node.book.size() + 3 > pushes_per_worker();
  if (over) {
    node.doing = Now::leave;
    node.ticket = machine.leave();
    return;
  }
  node.doing = Now::pull;
  node.read_clock = static_cast<uint32_t>(machine.clock());
  const Room room{0, node.theta};
  node.ticket = machine.pull(std::span(&room, 1));
}

void SimulatedCluster::machine_done(WorkerNode& node) {
  node.machine.reset();
  node.doing = WorkerNode::Doing::gone;
}

// One to three pushes in flight, or a whole step in one message.
void SimulatedCluster::push_some(WorkerNode& node) {
  WorkerMachine& machine = *node.machine;
  node.first_new = node.book.size();
  const size_t pushes = 1 + random_.below(3);
  const bool step = random_.below(3) == 0;
  if (step) node.gradients.assign(map_.values(), 0);
  std::vector<Slice> slices;
  for (size_t p = 0; p < pushes; ++p) {
    const size_t push = node.book.size();
    node.book.push_back({static_cast<uint32_t>(machine.clock()), false, false});
    slices.clear();
    for (int home = 0; home < map_.servers(); ++home) {
      const size_t place = place_of(home, node.number, push);
      if (step) node.gradients[place] = 1;
      slices.push_back({place, std::span(&node.one, 1)});
    }
    if (!step) node.ticket = machine.push(slices, {});
  }
  node.doing = step ? WorkerNode::Doing::step : WorkerNode::Doing::push;
  if (step) node.ticket = machine.step(node.gradients, node.theta, {});
}

// What a read of a worker that has finished `clock` steps must hold, and must not.
void SimulatedCluster::check_read(WorkerNode& node, const std::vector<float>& theta,
                                  uint32_t clock) {
  const GroupOptions& group = options_.group;
  const bool bsp = group.consistency == Consistency::bsp;
  const std::string reader =
      "a read of worker " + std::to_string(node.number) + " at step " + std::to_string(clock);
  for (const auto& other : workers_) {
    for (int home = 0; home < map_.servers(); ++home) {
      bool before = true;
      for (size_t p = 0; p < other->book.size(); ++p) {
        const auto& pushed = other->book[p];
        const float value = theta[place_of(home, other->number, p)];
        const std::string which =
            " push " + std::to_string(p) + " of worker " + std::to_string(other->number) +
            " (step " + std::to_string(pushed.clock) + ") at home " + std::to_string(home);
        if (value != 0 && value != 1) fail(reader + " has more than once" + which);
        if (!other->restarted && value == 1 && !before) fail(reader + " has out of order" + which);
        before = value == 1;
        if (pushed.may_be_missing || group.consistency == Consistency::asp) continue;
        const uint64_t bound = bsp ? 0 : group.staleness;
        if (pushed.clock + bound < clock && value != 1) fail(reader + " lacks" + which);
        if (bsp && pushed.clock >= clock && value != 0) fail(reader + " has too early" + which);
      }
    }
  }
  if (bsp) return;
  for (size_t p = 0; p < node.book.size(); ++p) {
    if (!node.book[p].acknowledged) continue;
    for (int home = 0; home < map_.servers(); ++home) {
      if (theta[place_of(home, node.number, p)] != 1) {
        fail(reader + " lacks its own push " + std::to_string(p));
      }
    }
  }
}

void SimulatedCluster::check_end() {
  if (!finished()) {
    fail("the run does not end");
    return;
  }
  const std::vector<float> last = theta();
  const bool bsp = options_.group.consistency == Consistency::bsp;
  for (const auto& node : workers_) {
    for (size_t p = 0; p < node->book.size(); ++p) {
      const auto& pushed = node->book[p];
      for (int home = 0; home < map_.servers(); ++home) {
        const float value = last[place_of(home, node->number, p)];
        const std::string which = "push " + std::to_string(p) + " of worker " +
                                  std::to_string(node->number) + " at home " + std::to_string(home);
        if (value != 0 && value != 1) fail(which + " counts more than once");
        const bool excused = bsp && pushed.may_be_missing;
        if (pushed.acknowledged && value != 1 && !excused) fail(which + " was lost");
      }
    }
  }
}

}  // namespace podium::ps::test
