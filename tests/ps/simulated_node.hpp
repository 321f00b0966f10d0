// A simulated worker: its machine, what it does next, and its book of what it has pushed.
#pragma once

#include <memory>
#include <vector>

#include "ps/simulated_cluster.hpp"

namespace podium::ps::test {

struct SimulatedCluster::WorkerNode {
  enum class Doing { join, pull, push, step, tick, leave, gone };
  struct Pushed {
    uint32_t clock = 0;
    bool acknowledged = false;
    bool may_be_missing = false;  // its worker died in that step
  };

  uint32_t number = 0;
  int life = 0;
  std::unique_ptr<WorkerMachine> machine;  // null: dead
  Doing doing = Doing::join;
  WorkerMachine::Ticket ticket = 0;
  uint32_t read_clock = 0;
  size_t first_new = 0;  // of the pushes under way
  bool restarted = false;
  std::vector<float> theta;
  std::vector<float> gradients;  // of a step: zero but for its places
  std::vector<Pushed> book;
  float one = 1;
};

}  // namespace podium::ps::test
